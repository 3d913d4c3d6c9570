/**
 * The files of a message, each in its place. What changed is drawn again; what plays goes on.
 *
 * @import { Attachment } from '../connection/protocol-shapes.js'
 * @import { Entry } from '../elements/keyed-list.js'
 * @import { FoundThumbnails } from './picture-frame.js'
 *
 * @typedef {{file: Attachment, isAlone: boolean}} ShownFile
 */
import { build, fill } from '../elements/build.js';
import { KeyedList } from '../elements/keyed-list.js';
import { words } from '../words/english.js';
import { fileAddress, fileCard, previewAddress } from './file-card.js';
import { formOf } from './file-kinds.js';
import { FilePlayer } from './file-player.js';
import { LARGE, SMALL } from './picture-box.js';
import { pictureFrame } from './picture-frame.js';

export class AttachmentList {
  element = build('div', { class: 'attachments' });
  #thumbnails;
  #files;

  /** @param {FoundThumbnails} thumbnails */
  constructor(thumbnails) {
    this.#thumbnails = thumbnails;
    this.#files = new KeyedList(
      this.element,
      (/** @type {ShownFile} */ { file }) => file.file_id,
      () => this.#create(),
    );
  }

  /** @param {readonly Attachment[]} files */
  show(files) {
    const isAlone = files.filter((file) => formOf(file) === 'picture').length === 1;
    this.#files.show(files.map((file) => ({ file, isAlone })));
  }

  /** @returns {Entry<ShownFile>} */
  #create() {
    const element = build('div', { class: 'attachment' });
    let drawn = '';
    const update = (/** @type {ShownFile} */ shown) => {
      const key = JSON.stringify(shown);
      if (key === drawn) return;
      drawn = key;
      element.className = `attachment is-${formOf(shown.file)}`;
      fill(element, this.#draw(shown));
    };
    return { element, update };
  }

  /** @param {ShownFile} shown */
  #draw({ file, isAlone }) {
    const form = formOf(file);
    if (form === 'picture') return pictureFrame(file, isAlone ? LARGE : SMALL, this.#thumbnails);
    if (form === 'audio' || form === 'video') return new FilePlayer(file, form);
    if (form === 'page') return build('div', { class: 'first-page' }, page(file), fileCard(file));
    return fileCard(file);
  }
}

/**
 * The first page of a document, which opens it in the browser's own viewer.
 *
 * @param {Attachment} file
 */
function page(file) {
  if (!file.preview) return build('span', { class: 'page-frame is-waiting', 'aria-hidden': 'true' });
  const label = file.alt_text || words.files.firstPage(file.name);
  const { width, height } = file.preview;
  const picture = build('img', { src: previewAddress(file.file_id), alt: label, width, height, decoding: 'async', loading: 'lazy' });
  const opened = { href: fileAddress(file.file_id, true), target: '_blank', rel: 'noopener' };
  return build('a', { class: 'page-frame', ...opened }, picture);
}
