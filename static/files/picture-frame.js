/**
 * The place of a picture, and what is in it: the small picture that was made here until the service's own is there, then
 * that one. Its size is kept from the beginning.
 *
 * @import { Attachment } from '../connection/protocol-shapes.js'
 * @import { Size } from './picture-box.js'
 * @import { Thumbnails } from './thumbnails.js'
 */
import { build } from '../elements/build.js';
import { icon } from '../elements/icon.js';
import { words } from '../words/english.js';
import { previewAddress } from './file-card.js';
import { boxFor, keepPlace } from './picture-box.js';
import { drawThumbnail } from './thumbnails.js';

/** @typedef {Pick<Thumbnails, 'find'|'release'>} FoundThumbnails */

/**
 * @param {Attachment} file
 * @param {Size} most
 * @param {FoundThumbnails} thumbnails
 * @returns {HTMLElement}
 */
export function pictureFrame(file, most, thumbnails) {
  const label = file.alt_text || words.files.picture(file.name);
  const small = thumbnails.find(file.file_id);
  const drawn = small && drawThumbnail(small, file.preview ? '' : label);
  const frame = file.preview
    ? build('button', { type: 'button', class: 'picture-frame', 'data-picture': file.file_id, title: file.name })
    : build('div', { class: 'picture-frame is-waiting', title: file.name });
  keepPlace(frame, boxFor(sizeOf(file), most));
  if (drawn) frame.append(drawn);
  if (file.preview) frame.append(preview(file, label, frame, drawn, thumbnails));
  else frame.append(...waiting(file, Boolean(drawn)));
  return frame;
}

/**
 * @param {Attachment} file
 * @returns {Size|null} Of the picture as it is shown; of its preview where that is all that is known.
 */
export function sizeOf({ width, height, preview: small }) {
  return width && height ? { width, height } : (small ?? null);
}

/**
 * @param {Attachment} file
 * @param {string} label
 * @param {HTMLElement} frame
 * @param {HTMLElement|undefined} drawn
 * @param {FoundThumbnails} thumbnails
 */
function preview(file, label, frame, drawn, thumbnails) {
  const { width, height } = boxFor(sizeOf(file), { width: 640, height: 640 });
  const picture = build('img', { alt: label, width, height, decoding: 'async', loading: drawn ? 'eager' : 'lazy', draggable: 'false' });
  picture.addEventListener('load', () => {
    drawn?.remove();
    thumbnails.release(file.file_id);
  });
  picture.addEventListener('error', () => frame.classList.add('is-broken'));
  picture.src = previewAddress(file.file_id);
  return picture;
}

/**
 * @param {Attachment} file
 * @param {boolean} isDrawn
 */
function waiting({ state }, isDrawn) {
  const text = state === 'checking' ? words.files.checking : words.files.preparing;
  return [...(isDrawn ? [] : [icon('picture')]), build('span', { class: 'picture-note' }, text)];
}
