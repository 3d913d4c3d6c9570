/**
 * Why something is done: asked for every act of power.
 */
import { build } from '../elements/build.js';
import { complianceWords } from '../words/english-compliance.js';

let count = 0;

/** @returns {HTMLElement} A field named `reason`. */
export function reasonField() {
  const id = `reason-${++count}`;
  const area = build('textarea', { id, class: 'input', name: 'reason', rows: 3, maxlength: 4000, required: true, 'aria-describedby': `${id}-hint` });
  // Spaces are no reason, and the browser's own words do not say what one is for.
  const check = () => area.setCustomValidity(area.value.trim() === '' ? complianceWords.reasonMissing : '');
  area.addEventListener('input', check);
  check();
  return build(
    'div',
    { class: 'field' },
    build('label', { for: id }, complianceWords.reason),
    area,
    build('p', { id: `${id}-hint`, class: 'hint' }, complianceWords.reasonHint),
  );
}
