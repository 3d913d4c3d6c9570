/**
 * What a file is, and so how it can be shown. The service looks into files and says their media type; before that there
 * is only what the browser takes them for.
 *
 * @import { Attachment, FileKind } from '../connection/protocol-shapes.js'
 */

/** The few types that the service gives out to be shown in place, by what shows them; docs/protocol.md has the same. */
export const SHOWN_TYPES = Object.freeze({
  picture: ['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif'],
  audio: ['audio/mpeg', 'audio/mp4', 'audio/ogg', 'audio/wav', 'audio/flac'],
  video: ['video/mp4', 'video/webm', 'video/ogg'],
  document: ['application/pdf'],
});

/**
 * @param {Pick<Attachment, 'type'>} file
 * @param {keyof typeof SHOWN_TYPES} kind
 * @returns {boolean} Whether the browser may show the file itself.
 */
export function isShown({ type }, kind) {
  return SHOWN_TYPES[kind].includes(type);
}

/**
 * How a file of a message is drawn: everything that cannot be shown yet, or at all, is a card with its name.
 *
 * @param {Attachment} file
 * @returns {'picture'|'page'|'audio'|'video'|'card'}
 */
export function formOf(file) {
  if (file.state === 'infected') return 'card';
  if (file.kind === 'picture') return file.preview || isComing(file) ? 'picture' : 'card';
  if (file.type === 'application/pdf') return file.preview || isComing(file) ? 'page' : 'card';
  if (file.state !== 'ready') return 'card';
  if (isShown(file, 'audio')) return 'audio';
  return isShown(file, 'video') ? 'video' : 'card';
}

/**
 * @param {Attachment} file
 * @returns {boolean} Whether its small picture is still to come.
 */
export function isComing(file) {
  return !file.preview && (file.preparing === true || file.state === 'checking');
}

/**
 * What a file that is being sent will be, as far as can be guessed.
 *
 * @param {string} type The browser's guess.
 * @returns {FileKind}
 */
export function guessKind(type) {
  const major = type.split('/')[0];
  if (type === 'image/svg+xml') return 'other';
  if (major === 'image') return 'picture';
  if (major === 'audio' || major === 'video' || major === 'text') return major;
  if (type === 'application/pdf' || /document|sheet|presentation|msword|ms-excel|ms-powerpoint|rtf/.test(type)) return 'document';
  return /zip|compressed|x-tar|gzip/.test(type) ? 'archive' : 'other';
}

/**
 * A name in two parts, so that a long one is shortened where it says least: its ending always shows what it claims to be.
 *
 * @param {string} name
 * @returns {{stem: string, ending: string}}
 */
export function splitName(name) {
  const characters = [...name];
  const dot = characters.lastIndexOf('.');
  const length = dot > 0 && characters.length - dot <= 10 ? characters.length - dot : 0;
  let tail = Math.min(characters.length, length + 4);
  while (tail > length && /\s/.test(characters[characters.length - tail])) tail -= 1;
  return { stem: characters.slice(0, characters.length - tail).join(''), ending: characters.slice(characters.length - tail).join('') };
}
