/**
 * A file as a card: what it is, its name, its size. A click anywhere on it downloads the file, where it can be had.
 *
 * @import { Attachment } from '../connection/protocol-shapes.js'
 */
import { build } from '../elements/build.js';
import { icon } from '../elements/icon.js';
import { fileSize } from '../words/sizes.js';
import { words } from '../words/english.js';
import { fileName } from './file-name.js';

/**
 * @param {string} fileId
 * @param {boolean} [inline] To be shown by the browser itself.
 */
export function fileAddress(fileId, inline = false) {
  return `/api/files/${encodeURIComponent(fileId)}${inline ? '?inline=1' : ''}`;
}

/** @param {string} fileId */
export function previewAddress(fileId) {
  return `/api/files/${encodeURIComponent(fileId)}/preview`;
}

/**
 * @param {Attachment} file
 * @returns {HTMLElement}
 */
export function fileCard(file) {
  const { kind, state } = file;
  return build(
    'div',
    { class: `file-card is-${state}` },
    build('span', { class: `file-icon kind-${kind}` }, icon(state === 'infected' ? 'close' : kind)),
    build('span', { class: 'file-text' }, downloadName(file), build('span', { class: 'file-facts' }, factsOf(file))),
    state === 'ready' && build('span', { class: 'file-deed' }, icon('download')),
  );
}

/**
 * The name of a file, which downloads it where it can be had.
 *
 * @param {Attachment} file
 * @returns {HTMLElement}
 */
export function downloadName({ file_id, name, state }) {
  if (state !== 'ready') return fileName(name);
  const download = { href: fileAddress(file_id), download: name, 'aria-label': words.files.download(name) };
  return build('a', { class: 'file-link', ...download }, fileName(name));
}

/** @param {Attachment} file */
export function factsOf({ state, kind, byte_size }) {
  if (state === 'checking') return words.files.checking;
  if (state === 'infected') return words.files.infected;
  return `${fileSize(byte_size)} · ${words.files.kinds[kind]}`;
}
