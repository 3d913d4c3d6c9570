/**
 * A message in a line of words: where it is quoted, read out, or listed.
 *
 * @import { Attachment, Message } from '../connection/protocol-shapes.js'
 */
import { words } from '../words/english.js';

/**
 * @param {Pick<Message, 'text'|'deleted_at'> & {files?: Attachment[]}} message
 * @returns {string} Its text; where it has none, what it brings.
 */
export function summaryOf({ text, deleted_at, files = [] }) {
  if (deleted_at) return words.messages.deleted;
  if (text || files.length === 0) return text;
  return files.length === 1 ? files[0].name : words.files.counted(files.length);
}

/**
 * @param {Pick<Message, 'text'|'deleted_at'|'files'>} message
 * @returns {string} Its text and the names of its files.
 */
export function spokenOf({ text, deleted_at, files }) {
  if (deleted_at) return words.messages.deleted;
  const names = files.map(({ name }) => name);
  return [text, names.length > 0 && `${words.files.counted(names.length)}: ${names.join(', ')}`].filter(Boolean).join('; ');
}
