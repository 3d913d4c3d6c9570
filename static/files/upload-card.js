import { build, fill, mark, say } from '../elements/build.js';
import { icon } from '../elements/icon.js';
import { Listening } from '../elements/listening.js';
import { Repaint } from '../elements/repaint.js';
import { words } from '../words/english.js';
import { chooseFiles } from './choose-files.js';
import { askDescription } from './description.js';
import { guessKind } from './file-kinds.js';
import { fileName } from './file-name.js';
import { boxFor, keepPlace } from './picture-box.js';
import { drawThumbnail } from './thumbnails.js';
import { standing } from './upload-words.js';

/**
 * @import { Size } from './picture-box.js'
 * @import { Upload } from './upload.js'
 * @import { Uploads } from './uploads.js'
 *
 * @typedef {object} CardOptions
 * @property {() => void} onRemove
 * @property {Size|null} [most] Pictures take the place they will have in the message, at most this; null: a small square.
 */

const PAUSABLE = ['queued', 'sending', 'waiting'];

/** A file on its way: what it is, how far it is, and what can be done with it. */
export class UploadCard extends HTMLElement {
  #listening = new Listening();
  #repaint = new Repaint(() => this.#draw());
  #picture = build('span', { class: 'upload-picture' });
  #text = build('span', { class: 'file-facts' });
  #bar = build('progress', { class: 'upload-bar' });
  #deed = build('button', { type: 'button', class: 'icon-button small', hidden: true });
  #description = build('button', { type: 'button', class: 'link upload-description' });
  #remove = build('button', { type: 'button', class: 'icon-button small' });
  #drawnDeed = '';
  #isOther = false;
  #hasPicture = false;
  #upload;
  #uploads;
  #options;

  /**
   * @param {Upload} upload
   * @param {Uploads} uploads
   * @param {CardOptions} options
   */
  constructor(upload, uploads, options) {
    super();
    this.#upload = upload;
    this.#uploads = uploads;
    this.#options = options;
  }

  connectedCallback() {
    const { name } = this.#upload.record;
    this.classList.add('upload-card');
    mark(this.#bar, 'aria-label', words.files.progress(name));
    label(this.#remove, words.files.remove(name));
    fill(this.#remove, icon('close'));
    const text = build('span', { class: 'file-text' }, fileName(name), this.#text);
    fill(this, this.#picture, text, this.#description, this.#deed, this.#remove, this.#bar);
    this.#listening.to(this.#upload, 'change', this.#repaint.request);
    this.#listening.to(this.#upload, 'progress', this.#repaint.request);
    this.#listening.to(this.#deed, 'click', () => this.#act());
    this.#listening.to(this.#description, 'click', () => askDescription(this.#upload, this.#uploads.thumbnails));
    this.#listening.to(this.#remove, 'click', () => this.#options.onRemove());
    this.#draw();
  }

  disconnectedCallback() {
    this.#listening.end();
    this.#repaint.stop();
  }

  #draw() {
    const { state, record, sentBytes } = this.#upload;
    mark(this, 'data-state', state);
    say(this.#text, this.#isOther ? words.files.otherFile : standing(this.#upload));
    this.#bar.hidden = state === 'whole' || state === 'failed';
    this.#bar.max = Math.max(1, record.byte_size);
    this.#bar.value = sentBytes;
    this.#description.hidden = record.picture_size === null || state === 'failed' || state === 'missing';
    say(this.#description, record.alt_text ? words.files.described : words.files.describeShort);
    label(this.#description, words.files.describe(record.name));
    this.#drawDeed(deedFor(this.#upload));
    this.#drawPicture();
  }

  /** @param {string} deed What the button does; empty for nothing. */
  #drawDeed(deed) {
    if (deed === this.#drawnDeed) return;
    this.#drawnDeed = deed;
    this.#deed.hidden = deed === '';
    if (deed === '') return;
    const { name } = this.#upload.record;
    const texts = { pause: words.files.pause, resume: words.files.resume, retry: words.files.retry, choose: words.files.choose };
    label(this.#deed, texts[/** @type {keyof typeof texts} */ (deed)](name));
    fill(this.#deed, icon(deed === 'choose' ? 'clip' : deed));
  }

  /** The small picture comes a moment after the file. */
  #drawPicture() {
    const { record, id } = this.#upload;
    const thumbnail = this.#uploads.thumbnails.find(id);
    const isLarge = Boolean(this.#options.most && record.picture_size);
    this.classList.toggle('is-picture', isLarge);
    if (isLarge && this.#options.most) keepPlace(this.#picture, boxFor(record.picture_size, this.#options.most));
    if (this.#hasPicture || (!thumbnail && this.#picture.firstChild)) return;
    this.#hasPicture = Boolean(thumbnail);
    fill(this.#picture, thumbnail ? drawThumbnail(thumbnail, '') : icon(guessKind(record.type)));
  }

  async #act() {
    if (this.#drawnDeed === 'pause') this.#upload.pause();
    else if (this.#drawnDeed !== 'choose') this.#upload.resume();
    else {
      const [file] = await chooseFiles({ multiple: false });
      if (file) this.#isOther = !this.#uploads.supply(this.#upload.id, file);
      this.#draw();
    }
  }
}

/** @param {Upload} upload */
function deedFor({ state, problem }) {
  if (PAUSABLE.includes(state)) return 'pause';
  if (state === 'paused') return 'resume';
  // What is larger than a file may be stays so.
  if (state === 'failed') return problem?.code === 'too_large' && problem.params.limit ? '' : 'retry';
  return state === 'missing' ? 'choose' : '';
}

/**
 * @param {HTMLElement} button
 * @param {string} text
 */
function label(button, text) {
  mark(button, 'aria-label', text);
  mark(button, 'title', text);
}

customElements.define('upload-card', UploadCard);
