/**
 * @import { ListedFile } from '../connection/protocol-shapes.js'
 */
import { build, fill } from '../elements/build.js';
import { icon } from '../elements/icon.js';
import { shortTime, wholeDate } from '../words/dates.js';
import { words } from '../words/english.js';
import { fileSize } from '../words/sizes.js';
import { downloadName, factsOf, previewAddress } from './file-card.js';

/** One file in a room's list: what it is, from whom and when; it opens or downloads, and shows where it was sent. */
export class ListedFileLine {
  element = build('li', { class: 'listed-file' });
  #nameOf;
  #drawn = '';

  /** @param {(file: ListedFile) => string} nameOf Who sent it. */
  constructor(nameOf) {
    this.#nameOf = nameOf;
  }

  /** @param {ListedFile} file */
  update = (file) => {
    const who = this.#nameOf(file);
    const key = JSON.stringify([file, who]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    fill(this.element, sight(file), named(file, who), shown(file));
  };
}

/**
 * Its small picture, which opens it large; or what kind it is.
 *
 * @param {ListedFile} file
 */
function sight({ kind, name, preview, state, file_id, alt_text }) {
  if (kind !== 'picture' || !preview || state !== 'ready') {
    return build('span', { class: `file-icon kind-${kind}` }, icon(state === 'infected' ? 'close' : kind));
  }
  const { width, height } = preview;
  const label = alt_text || words.files.picture(name);
  const picture = build('img', { src: previewAddress(file_id), alt: label, width, height, loading: 'lazy', decoding: 'async' });
  return build('button', { type: 'button', class: 'listed-picture', 'data-picture': file_id, title: name }, picture);
}

/**
 * @param {ListedFile} file
 * @param {string} who
 */
function named(file, who) {
  const { state, sent_at, byte_size } = file;
  const facts = state === 'ready' ? [who, shortTime(sent_at), fileSize(byte_size)].join(' · ') : factsOf(file);
  const line = build('span', { class: 'file-facts', title: wholeDate(sent_at) }, facts);
  return build('span', { class: 'file-text' }, downloadName(file), line);
}

/** @param {ListedFile} file */
function shown({ message_id, seq, name }) {
  const label = words.files.showMessage(name);
  const place = { 'data-message': message_id, 'data-seq': seq, 'aria-label': label, title: label };
  return build('button', { type: 'button', class: 'icon-button small', ...place }, icon('message'));
}
