/**
 * What a scope would cover, counted anew whenever it changes: exactly, by the query the hold itself will use.
 *
 * @import { Scope } from './shapes.js'
 */
import { request } from '../connection/http.js';
import { build, say } from '../elements/build.js';
import { complianceWords } from '../words/english-compliance.js';
import { sentenceFor } from '../words/sentences.js';
import { door } from './addresses.js';
import { CoverageFigures } from './coverage-figures.js';

const PAUSE_MS = 250;

export class LiveCount {
  #figures = new CoverageFigures(false);
  #status = build('p', { class: 'quiet', role: 'status' });
  #problem = build('p', { class: 'problem', role: 'alert' });
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  #asked = 0;
  element;

  /** @param {string} title */
  constructor(title) {
    this.element = build('section', { class: 'live-count', 'aria-label': title }, build('h2', {}, title), this.#figures.element, this.#status, this.#problem);
  }

  /** @param {Scope|null} scope Null where nothing is chosen. */
  count(scope) {
    clearTimeout(this.#timer);
    this.#asked += 1;
    say(this.#problem, '');
    if (!scope) {
      this.element.classList.remove('is-counting');
      this.#figures.show(null);
      say(this.#status, complianceWords.wizard.countNothing);
      return;
    }
    this.element.classList.add('is-counting');
    this.#timer = setTimeout(() => void this.#ask(scope, this.#asked), PAUSE_MS);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#asked += 1;
  }

  /**
   * @param {Scope} scope
   * @param {number} asked An answer that was overtaken is not shown.
   */
  async #ask(scope, asked) {
    say(this.#status, complianceWords.wizard.counting);
    try {
      const { covers } = await request('POST', door('holds/count'), { ...scope });
      if (asked !== this.#asked) return;
      this.#figures.show(covers);
      say(this.#status, covers.messages + covers.files === 0 ? complianceWords.wizard.countEmpty : '');
    } catch (error) {
      const said = sentenceFor(error);
      if (asked !== this.#asked) return;
      this.#figures.show(null);
      say(this.#status, '');
      say(this.#problem, said);
    }
    this.element.classList.remove('is-counting');
  }
}
