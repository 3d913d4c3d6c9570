/**
 * Why something is done: asked for every act of power.
 */
import { build } from '../elements/build.js';
import { complianceWords } from '../words/english-compliance.js';

let count = 0;

/** @returns {HTMLElement} A field named `reason`. */
export function reasonField() {
  const id = `reason-${++count}`;
  return build(
    'div',
    { class: 'field' },
    build('label', { for: id }, complianceWords.reason),
    build('textarea', { id, class: 'input', name: 'reason', rows: 3, maxlength: 2000, required: true, 'aria-describedby': `${id}-hint` }),
    build('p', { id: `${id}-hint`, class: 'hint' }, complianceWords.reasonHint),
  );
}
