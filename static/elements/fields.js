/**
 * Fields of forms: a label, the control, and a hint that belongs to it.
 *
 * @import { Properties } from './build.js'
 */
import { build } from './build.js';

let count = 0;

/**
 * @param {string} label
 * @param {Properties} properties Of the input; `name` is needed.
 * @param {string} [hint]
 * @returns {HTMLElement}
 */
export function textField(label, properties, hint) {
  const id = `field-${++count}`;
  const described = hint ? { 'aria-describedby': `${id}-hint` } : {};
  return build(
    'div',
    { class: 'field' },
    build('label', { for: id }, label),
    build('input', { id, class: 'input', type: 'text', required: true, ...described, ...properties }),
    hint && build('p', { id: `${id}-hint`, class: 'hint' }, hint),
  );
}

/**
 * @param {string} label
 * @param {Properties} properties
 * @param {readonly (readonly [string, string])[]} options Value and words.
 * @param {string} [chosen]
 * @returns {HTMLElement}
 */
export function choiceField(label, properties, options, chosen) {
  const id = `field-${++count}`;
  const choices = options.map(([value, text]) => build('option', { value, selected: value === chosen }, text));
  return build(
    'div',
    { class: 'field' },
    build('label', { for: id }, label),
    build('select', { id, class: 'input', ...properties }, ...choices),
  );
}

/**
 * @param {string} label
 * @param {Properties} properties
 * @returns {HTMLElement}
 */
export function checkField(label, properties) {
  return build('label', { class: 'check' }, build('input', { type: 'checkbox', ...properties }), label);
}

/**
 * @param {string} legend
 * @param {string} name
 * @param {readonly (readonly [string, string])[]} options
 * @param {string} chosen
 * @returns {HTMLFieldSetElement}
 */
export function radioField(legend, name, options, chosen) {
  const radios = options.map(([value, text]) =>
    build('label', { class: 'check' }, build('input', { type: 'radio', name, value, checked: value === chosen }), text),
  );
  return build('fieldset', { class: 'field' }, build('legend', {}, legend), ...radios);
}
