import { build, fill, say } from '../elements/build.js';
import { KeyedList } from '../elements/keyed-list.js';
import { Listening } from '../elements/listening.js';
import { words } from '../words/english.js';
import { UploadCard } from './upload-card.js';

/**
 * @import { Upload } from './upload.js'
 * @import { Uploads } from './uploads.js'
 */

/** The files that lie with a message that is being written. */
export class UploadTray extends HTMLElement {
  #listening = new Listening();
  #list = build('div', { class: 'upload-tray', role: 'group', 'aria-label': words.files.tray });
  #said = build('p', { class: 'upload-said', role: 'status' });
  #heard = build('p', { class: 'unseen', role: 'status' });
  /** @type {Map<string, string>} How each stood before. */
  #standing = new Map();
  #cards;
  #uploads;
  #stream;

  /**
   * @param {Uploads} uploads
   * @param {string} stream
   */
  constructor(uploads, stream) {
    super();
    this.#uploads = uploads;
    this.#stream = stream;
    this.#cards = new KeyedList(
      this.#list,
      (/** @type {Upload} */ upload) => upload.id,
      (upload) => ({ element: this.#create(upload), update: () => {} }),
    );
  }

  connectedCallback() {
    fill(this, this.#list, this.#said, this.#heard);
    this.#listening.to(this.#uploads, 'change', () => this.#draw());
    this.#draw();
  }

  disconnectedCallback() {
    this.#listening.end();
  }

  /** @param {string} text Words on the files, until there are other ones. */
  say(text) {
    say(this.#said, text);
  }

  #draw() {
    const drafts = this.#uploads.draftsOf(this.#stream);
    this.#list.hidden = drafts.length === 0;
    this.#cards.show(drafts);
    this.#announce(drafts);
  }

  /**
   * Whoever does not see the bars hears when a file is there.
   *
   * @param {readonly Upload[]} drafts
   */
  #announce(drafts) {
    const ready = drafts.filter(({ id, state }) => state === 'whole' && (this.#standing.get(id) ?? state) !== state);
    this.#standing = new Map(drafts.map(({ id, state }) => [id, state]));
    for (const { record } of ready) say(this.#heard, words.files.ready(record.name));
  }

  /** @param {Upload} upload */
  #create(upload) {
    return new UploadCard(upload, this.#uploads, { onRemove: () => this.#remove(upload) });
  }

  /** @param {Upload} upload */
  #remove(upload) {
    this.#uploads.cancel(upload.id);
    this.say('');
    // The button that was pressed is gone: the next one, or where one writes.
    const next = this.#list.querySelector('.icon-button:last-of-type');
    if (next instanceof HTMLElement) next.focus();
    else this.dispatchEvent(new CustomEvent('tray-empty', { bubbles: true }));
  }
}

customElements.define('upload-tray', UploadTray);
