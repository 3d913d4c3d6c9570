import { build, fill, mark } from '../elements/build.js';
import { Listening } from '../elements/listening.js';
import { words } from '../words/english.js';
import { sentenceForCode } from '../words/sentences.js';

/** @import { Workroom } from '../workroom.js' */

const PATIENCE_MS = 1_500;
const SAID_MS = 2_500;

/** Says in plain words that there is no line, what happens with what is written, and what one can do. Silent else. */
export class ConnectionBanner extends HTMLElement {
  #listening = new Listening();
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  #text = build('p', { role: 'status' });
  #button = build('button', { type: 'button', class: 'button small' });
  #workroom;

  /** @param {Workroom} workroom */
  constructor(workroom) {
    super();
    this.#workroom = workroom;
  }

  connectedCallback() {
    this.hidden = true;
    fill(this, this.#text, this.#button);
    this.#button.addEventListener('click', () => this.#act());
    this.#listening.to(this.#workroom, 'phase', () => this.#phaseChanged());
    this.#listening.to(this.#workroom, 'ended', (event) => this.#ended(event.detail.name));
    this.#listening.to(window, 'offline', () => this.#phaseChanged());
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    this.#listening.end();
  }

  #phaseChanged() {
    const { phase } = this.#workroom.connection;
    if (phase === 'open' || phase === 'stopped') {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      if (phase === 'open' && !this.hidden) this.#sayBack();
    } else {
      // Most losses mend themselves before anybody would have noticed.
      this.#timer ??= setTimeout(() => this.#show(words.connection.lost, words.connection.tryNow), PATIENCE_MS);
    }
  }

  #sayBack() {
    fill(this.#text, words.connection.back);
    this.#button.hidden = true;
    mark(this, 'data-phase', 'open');
    setTimeout(() => {
      this.hidden ||= this.#workroom.connection.phase === 'open';
    }, SAID_MS);
  }

  /** @param {string} name */
  #ended(name) {
    this.#show(`${words.connection.stopped} ${sentenceForCode(name)}`, words.connection.reload);
  }

  /**
   * @param {string} text
   * @param {string} action
   */
  #show(text, action) {
    this.hidden = false;
    this.#button.hidden = false;
    fill(this.#text, text);
    fill(this.#button, action);
    mark(this, 'data-phase', this.#workroom.connection.phase);
  }

  #act() {
    const { connection } = this.#workroom;
    if (connection.phase === 'stopped') connection.start();
    else connection.hurry();
  }
}

customElements.define('connection-banner', ConnectionBanner);
