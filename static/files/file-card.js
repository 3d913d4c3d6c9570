/**
 * A file as a card: what it is, its name, its size. The card itself downloads it, where it can be had.
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
  const { kind, name, state } = file;
  const parts = [
    build('span', { class: `file-icon kind-${kind}` }, icon(state === 'infected' ? 'close' : kind)),
    build('span', { class: 'file-text' }, fileName(name), build('span', { class: 'file-facts' }, factsOf(file))),
  ];
  if (state !== 'ready') return build('div', { class: `file-card is-${state}` }, ...parts);
  return build(
    'a',
    { class: 'file-card', href: fileAddress(file.file_id), download: name, 'aria-label': `${words.files.download(name)}, ${factsOf(file)}` },
    ...parts,
    build('span', { class: 'file-deed' }, icon('download')),
  );
}

/** @param {Attachment} file */
export function factsOf({ state, kind, byte_size }) {
  if (state === 'checking') return words.files.checking;
  if (state === 'infected') return words.files.infected;
  return `${fileSize(byte_size)} · ${words.files.kinds[kind]}`;
}
