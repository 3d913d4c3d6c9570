import { build, fill, mark, say } from '../elements/build.js';
import { icon } from '../elements/icon.js';
import { Listening } from '../elements/listening.js';
import { words } from '../words/english.js';
import { fileAddress, previewAddress } from './file-card.js';
import { isShown } from './file-kinds.js';
import { sizeOf } from './picture-frame.js';

/**
 * @import { Attachment } from '../connection/protocol-shapes.js'
 *
 * @typedef {{file: Attachment, from: string}} ShownPicture A picture, and words on who sent it and when.
 */

const SWIPE_PX = 60;

/**
 * Pictures in front of the page, one at a time: arrow keys (or a swipe) go through them, Escape closes, and the focus goes
 * back to where it was. One that is taken back meanwhile is gone here too.
 */
export class LightBox {
  #listening = new Listening();
  #name = build('p', { class: 'light-box-name', dir: 'auto' });
  #facts = build('p', { class: 'light-box-facts', role: 'status' });
  #stage = build('div', { class: 'light-box-stage' });
  #previous = button('left', words.files.previous);
  #next = button('right', words.files.next);
  #zoom = button('zoom', words.files.actualSize);
  #close = button('close', words.close);
  #download = build('a', { class: 'icon-button', 'aria-label': words.files.downloadShort, title: words.files.downloadShort }, icon('download'));
  #dialog = build(
    'dialog',
    { class: 'light-box', 'aria-label': words.files.lightBox },
    build(
      'header',
      { class: 'light-box-header' },
      build('div', { class: 'light-box-text' }, this.#name, this.#facts),
      this.#zoom,
      this.#download,
      this.#close,
    ),
    this.#stage,
    this.#previous,
    this.#next,
  );
  #shownId;
  #drawnId = '';
  #list;

  /**
   * @param {() => ShownPicture[]} list The pictures as they are now.
   * @param {string} fileId Which is shown first.
   * @param {EventTarget} changes Says `change` when the pictures may have changed.
   */
  constructor(list, fileId, changes) {
    this.#list = list;
    this.#shownId = fileId;
    const to = this.#listening;
    to.to(changes, 'change', () => this.#draw());
    to.to(this.#dialog, 'keydown', (event) => this.#key(event));
    to.to(this.#dialog, 'close', () => this.#closed());
    to.to(this.#close, 'click', () => this.#dialog.close());
    to.to(this.#zoom, 'click', () => this.#setZoom(!this.#dialog.classList.contains('is-actual')));
    to.to(this.#previous, 'click', () => this.#step(-1));
    to.to(this.#next, 'click', () => this.#step(1));
    to.to(this.#stage, 'click', ({ target }) => target === this.#stage && this.#dialog.close());
    this.#listenToSwipes();
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    this.#draw();
    this.#close.focus();
  }

  close() {
    this.#dialog.close();
  }

  #draw() {
    const pictures = this.#list();
    const at = pictures.findIndex(({ file }) => file.file_id === this.#shownId);
    if (at < 0) return this.#dialog.close();
    const { file, from } = pictures[at];
    this.#offer(this.#previous, at > 0);
    this.#offer(this.#next, at < pictures.length - 1);
    say(this.#facts, [from, pictures.length > 1 && words.files.place(at + 1, pictures.length)].filter(Boolean).join(' · '));
    if (this.#drawnId === file.file_id) return;
    this.#drawnId = file.file_id;
    say(this.#name, file.name);
    mark(this.#download, 'href', fileAddress(file.file_id));
    mark(this.#download, 'download', file.name);
    this.#setZoom(false);
    void this.#show(file);
  }

  /**
   * @param {HTMLButtonElement} step
   * @param {boolean} isThere
   */
  #offer(step, isThere) {
    // At an end the button is gone, and would take the focus along: no key would arrive any more.
    if (!isThere && step === document.activeElement) this.#close.focus();
    step.hidden = !isThere;
  }

  /**
   * The small picture at once, in the place of the whole one, which follows.
   *
   * @param {Attachment} file
   */
  async #show(file) {
    const size = sizeOf(file) ?? {};
    const alt = file.alt_text || words.files.picture(file.name);
    const small = build('img', { class: 'light-box-picture', src: previewAddress(file.file_id), alt, ...size, draggable: 'false' });
    fill(this.#stage, small);
    if (!isShown(file, 'picture')) return;
    const whole = build('img', { class: 'light-box-picture', alt, ...size, draggable: 'false' });
    whole.src = fileAddress(file.file_id, true);
    try {
      await whole.decode();
    } catch (error) {
      // The small one stays; what can be done with the whole stands above it.
      if (!(error instanceof DOMException)) throw error;
      return;
    }
    if (this.#drawnId === file.file_id && small.isConnected) small.replaceWith(whole);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (step === undefined || this.#dialog.classList.contains('is-actual')) return;
    event.preventDefault();
    this.#step(step);
  }

  /** @param {number} step */
  #step(step) {
    const pictures = this.#list();
    const at = pictures.findIndex(({ file }) => file.file_id === this.#shownId);
    const next = pictures[Math.min(Math.max(at + step, 0), pictures.length - 1)];
    if (!next) return;
    this.#shownId = next.file.file_id;
    this.#draw();
  }

  /** @param {boolean} isActual Whether the picture is as large as it is, and scrolled. */
  #setZoom(isActual) {
    this.#dialog.classList.toggle('is-actual', isActual);
    mark(this.#zoom, 'aria-pressed', String(isActual));
    mark(this.#stage, 'tabindex', isActual ? '0' : null);
    if (isActual) this.#stage.focus();
  }

  #listenToSwipes() {
    let from = 0;
    this.#listening.to(this.#stage, 'touchstart', ({ touches }) => {
      from = touches.length === 1 ? touches[0].clientX : NaN;
    }, { passive: true });
    this.#listening.to(this.#stage, 'touchend', ({ changedTouches }) => {
      const moved = changedTouches[0].clientX - from;
      if (Math.abs(moved) > SWIPE_PX && !this.#dialog.classList.contains('is-actual')) this.#step(moved > 0 ? -1 : 1);
    });
  }

  #closed() {
    this.#listening.end();
    this.#dialog.remove();
  }
}

/**
 * @param {string} drawing
 * @param {string} label
 */
function button(drawing, label) {
  return build('button', { type: 'button', class: `icon-button light-box-${drawing}`, 'aria-label': label, title: label }, icon(drawing));
}
