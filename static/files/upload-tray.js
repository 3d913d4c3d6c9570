import { build, fill, say } from '../elements/build.js';
import { KeyedList } from '../elements/keyed-list.js';
import { Listening } from '../elements/listening.js';
import { Repaint } from '../elements/repaint.js';
import { words } from '../words/english.js';
import { UploadCard } from './upload-card.js';
import { standing } from './upload-words.js';

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
  /** @type {Map<string, string>|null} How each stood before. */
  #standing = null;
  /** @type {string[]} */
  #untold = [];
  #telling = new Repaint(() => this.#tell());
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
    this.#telling.stop();
  }

  /** @param {string} text Words on the files, until there are other ones. */
  say(text) {
    say(this.#said, text);
  }

  /** Show what keeps the message from being sent, and say so. */
  showProblem() {
    this.say(words.files.unsent);
    this.#list.querySelector('[data-state=failed], [data-state=missing]')?.scrollIntoView({ block: 'nearest' });
  }

  #draw() {
    const drafts = this.#uploads.draftsOf(this.#stream);
    const hasMore = this.#standing !== null && drafts.length > this.#standing.size;
    this.#list.hidden = drafts.length === 0;
    this.#cards.show(drafts);
    this.#announce(drafts);
    if (hasMore) this.#list.scrollTop = this.#list.scrollHeight;
  }

  /**
   * Whoever does not see the cards hears when a file is there, and when it needs them.
   *
   * @param {readonly Upload[]} drafts
   */
  #announce(drafts) {
    const before = this.#standing;
    this.#standing = new Map(drafts.map(({ id, state }) => [id, state]));
    // What stood so when one came is no news.
    const changed = before ? drafts.filter(({ id, state }) => before.get(id) !== state) : [];
    for (const upload of changed) {
      const { id, state, record } = upload;
      if (state === 'whole' && before?.has(id)) this.#untold.push(words.files.ready(record.name));
      if (state === 'failed' || state === 'missing') this.#untold.push(words.files.stands(record.name, standing(upload)));
    }
    if (this.#untold.length > 0) this.#telling.request();
  }

  /** Several at once are told together, and in a new element: the same once more would change nothing in the old one. */
  #tell() {
    fill(this.#heard, build('span', {}, this.#untold.join('\n')));
    this.#untold = [];
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
