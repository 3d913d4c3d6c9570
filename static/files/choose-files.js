/**
 * The browser's own way of choosing files; on a phone, also of taking a picture.
 */
import { build } from '../elements/build.js';

/**
 * @param {{multiple?: boolean, takesPicture?: boolean}} [options]
 * @returns {Promise<File[]>} None where nothing was chosen.
 */
export function chooseFiles({ multiple = true, takesPicture = false } = {}) {
  const camera = takesPicture ? { accept: 'image/*', capture: 'environment' } : {};
  const field = build('input', { type: 'file', class: 'unseen', multiple, tabindex: -1, 'aria-hidden': 'true', ...camera });
  // In the page, because some browsers drop a field that nobody holds.
  document.body.append(field);
  return new Promise((resolve) => {
    const done = () => {
      field.remove();
      resolve([...(field.files ?? [])]);
    };
    field.addEventListener('change', done);
    field.addEventListener('cancel', done);
    field.click();
  });
}
