import { build, mark, say } from './build.js';

/** How many: a bare number for the eye, whole words for the ear. Made once and changed in place. */
export class Count {
  #number = build('span', { 'aria-hidden': 'true' });
  #words = build('span', { class: 'unseen' });
  element = build('span', { class: 'count' }, this.#number, this.#words);

  /**
   * @param {number} count
   * @param {string} text
   * @param {string} [kind] A further class.
   * @returns {HTMLElement|false} False for none: there is nothing to show.
   */
  show(count, text, kind) {
    say(this.#number, count >= 100 ? '99+' : String(count));
    say(this.#words, text);
    mark(this.element, 'class', ['count', kind].filter(Boolean).join(' '));
    return count > 0 && this.element;
  }
}
