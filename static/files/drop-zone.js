/**
 * A part of the page onto which files can be dropped, and the words it shows while they are above it.
 */
import { build, fill } from '../elements/build.js';
import { icon } from '../elements/icon.js';
import { Listening } from '../elements/listening.js';
import { bringsFiles, droppedFiles } from './dragged-files.js';

export class DropZone {
  element = build('div', { class: 'drop-zone', hidden: true, 'aria-hidden': 'true' });
  #listening = new Listening();
  /** How many elements deep the files are: each one they enter and leave says so. */
  #depth = 0;
  #label;
  #onFiles;

  /**
   * @param {() => string|null} label What is shown; null where nothing can be dropped now.
   * @param {(files: File[], hasFolders: boolean) => void} onFiles
   */
  constructor(label, onFiles) {
    this.#label = label;
    this.#onFiles = onFiles;
  }

  /** @param {HTMLElement} target */
  begin(target) {
    const to = this.#listening;
    to.to(target, 'dragenter', (event) => this.#move(event, 1));
    to.to(target, 'dragleave', (event) => this.#move(event, -1));
    to.to(target, 'dragover', (event) => this.#over(event));
    to.to(target, 'drop', (event) => this.#drop(event));
    // The window is left, or the drag ends elsewhere, without a word to us.
    to.to(document, 'dragleave', ({ relatedTarget }) => !relatedTarget && this.#show(0));
    to.to(document, 'drop', () => this.#show(0));
  }

  end() {
    this.#listening.end();
    this.#show(0);
  }

  /**
   * @param {DragEvent} event
   * @param {number} step
   */
  #move(event, step) {
    if (bringsFiles(event.dataTransfer)) this.#show(this.#depth + step);
  }

  /** @param {DragEvent} event */
  #over(event) {
    if (!bringsFiles(event.dataTransfer) || this.#label() === null || !event.dataTransfer) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
  }

  /** @param {DragEvent} event */
  #drop(event) {
    this.#show(0);
    if (!event.dataTransfer || !bringsFiles(event.dataTransfer) || this.#label() === null) return;
    event.preventDefault();
    const { files, hasFolders } = droppedFiles(event.dataTransfer);
    this.#onFiles(files, hasFolders);
  }

  /** @param {number} depth */
  #show(depth) {
    this.#depth = Math.max(0, depth);
    const label = this.#depth > 0 ? this.#label() : null;
    this.element.hidden = label === null;
    if (label !== null) fill(this.element, build('p', {}, icon('clip'), label));
  }
}

/**
 * Files that miss every place to drop them would replace the page, and what is being written with it.
 *
 * @param {Listening} listening
 */
export function refuseStrayDrops(listening) {
  const refuse = (/** @type {DragEvent} */ event) => {
    if (event.defaultPrevented || !bringsFiles(event.dataTransfer) || !event.dataTransfer) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'none';
  };
  listening.to(window, 'dragover', refuse);
  listening.to(window, 'drop', refuse);
}
