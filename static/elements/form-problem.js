/**
 * What is wrong with a form, said in place: beside the field it is about, which gets the focus; else before the buttons.
 * Screen readers are told at once, and again with the field.
 */
import { CommandError } from '../connection/command-error.js';
import { sentenceFor, sentenceForCode } from '../words/sentences.js';
import { build, mark, say } from './build.js';

/** @typedef {HTMLInputElement|HTMLSelectElement|HTMLTextAreaElement} Control */

let count = 0;

export class FormProblem {
  element = build('p', { id: `form-problem-${++count}`, class: 'problem', role: 'alert' });
  #form;
  /** @type {Control|null} */
  #control = null;
  /** @type {Element|null} Where it stands while no field is to blame. */
  #home = null;

  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.#form = form;
    form.addEventListener('input', ({ target }) => {
      if (target === this.#control) this.clear();
    });
  }

  clear() {
    say(this.element, '');
    const control = this.#control;
    this.#control = null;
    if (!control) return;
    control.removeAttribute('aria-invalid');
    mark(control, 'aria-describedby', others(control, this.element.id).join(' ') || null);
    this.#home?.before(this.element);
  }

  /**
   * @param {string} sentence
   * @param {string} [name] Of the field that is to blame.
   */
  say(sentence, name = '') {
    this.clear();
    const control = this.#find(name);
    if (control) this.#standBeside(control);
    say(this.element, sentence);
    control?.focus();
  }

  /** @param {unknown} error A CommandError, which may name a field; anything else is thrown again. */
  sayError(error) {
    const sentence = sentenceFor(error);
    const field = error instanceof CommandError ? String(error.params.field ?? '') : '';
    this.say(sentence, field.split('.').at(-1));
  }

  /**
   * Look at the fields as the browser does, but say it in our words, in place. For forms that are `novalidate`.
   *
   * @returns {boolean} Whether every field can be read.
   */
  isSound() {
    const wrong = /** @type {Control[]} */ ([...this.#form.elements]).find((control) => control.willValidate && !control.validity.valid);
    if (!wrong) return true;
    const { customError } = wrong.validity;
    this.say(customError ? wrong.validationMessage : sentenceForCode('invalid_input', { field: wrong.name }), wrong.name);
    return false;
  }

  /** @param {string} name */
  #find(name) {
    const found = name === '' ? null : this.#form.elements.namedItem(name);
    return found instanceof HTMLElement ? /** @type {Control} */ (found) : null;
  }

  /** @param {Control} control */
  #standBeside(control) {
    this.#control = control;
    this.#home = this.#form.querySelector('.form-actions, .button-row');
    mark(control, 'aria-invalid', 'true');
    mark(control, 'aria-describedby', [...others(control, this.element.id), this.element.id].join(' '));
    (control.closest('fieldset.field') ?? control.closest('.field') ?? control.parentElement)?.append(this.element);
  }
}

/**
 * @param {Control} control
 * @param {string} id
 */
function others(control, id) {
  return (control.getAttribute('aria-describedby') ?? '').split(' ').filter((each) => each !== '' && each !== id);
}
