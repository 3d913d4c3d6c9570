/**
 * The name of a file, shortened in its middle where there is no room; always text, whatever it says.
 */
import { build } from '../elements/build.js';
import { splitName } from './file-kinds.js';

/**
 * @param {string} name
 * @returns {HTMLElement}
 */
export function fileName(name) {
  const { stem, ending } = splitName(name);
  // One direction for both parts: a name is read as one, also where its letters run the other way.
  return build(
    'bdi',
    { class: 'file-name', title: name },
    stem && build('span', { class: 'file-stem' }, stem),
    build('span', { class: 'file-ending' }, ending),
  );
}
