/** @import { Child } from './build.js' */
import { arrange } from './arrange.js';
import { build, mark } from './build.js';
import { Count } from './count.js';

/** A link to a part of the application, and how much is there: made once, so that it keeps the focus and a press. */
export class CountedLink {
  #count = new Count();
  #name;
  #kind;
  element;

  /**
   * @param {{class: string, href: string}} link
   * @param {Child[]} name
   * @param {string} [kind] A further class of the count.
   */
  constructor(link, name, kind) {
    this.element = build('a', link, ...name);
    this.#name = [...this.element.childNodes];
    this.#kind = kind;
  }

  /**
   * @param {boolean} isCurrent
   * @param {number} count
   * @param {string} text
   */
  show(isCurrent, count, text) {
    mark(this.element, 'aria-current', isCurrent && 'page');
    arrange(this.element, ...this.#name, this.#count.show(count, text, this.#kind));
  }
}
