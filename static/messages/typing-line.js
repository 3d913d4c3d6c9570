import { build, fill, say } from '../elements/build.js';
import { Listening } from '../elements/listening.js';
import { words } from '../words/english.js';

/** @import { Workroom } from '../workroom.js' */

/** Who is writing in a stream right now. Its place is always there, so that nothing jumps. */
export class TypingLine extends HTMLElement {
  #listening = new Listening();
  #text = build('span', {});
  #workroom;
  #stream;

  /**
   * @param {Workroom} workroom
   * @param {string} stream
   */
  constructor(workroom, stream) {
    super();
    this.#workroom = workroom;
    this.#stream = stream;
  }

  connectedCallback() {
    fill(this, this.#text);
    this.#listening.to(this.#workroom.typing, 'change', () => this.#draw());
    this.#draw();
  }

  disconnectedCallback() {
    this.#listening.end();
  }

  #draw() {
    const { typing, people, account } = this.#workroom;
    const names = typing
      .of(this.#stream)
      .filter((id) => id !== account.account_id)
      .map((id) => people.nameOf(id) ?? words.somebody);
    say(this.#text, names.length > 0 ? words.messages.typing(names) : '');
  }
}

customElements.define('typing-line', TypingLine);
