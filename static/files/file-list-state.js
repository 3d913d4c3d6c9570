/**
 * A stretch of a room's files, newest first, as plain data, and what events and pages do to it.
 *
 * @import { FileKind, ListedFile, RoomEvent } from '../connection/protocol-shapes.js'
 *
 * @typedef {{kind: FileKind|'', name: string}} FileFilter Empty for any.
 */

/**
 * @param {readonly ListedFile[]} files
 * @param {RoomEvent} event
 * @param {FileFilter} filter
 * @returns {readonly ListedFile[]} The same where the event changes nothing.
 */
export function eventApplied(files, event, filter) {
  switch (event.kind) {
    case 'message_posted': {
      const fresh = postedFiles(event).filter((file) => fits(file, filter));
      return fresh.length > 0 ? joined(fresh, files) : files;
    }
    case 'message_deleted':
      return without(files, ({ message_id }) => message_id === event.message_id);
    case 'message_edited':
      return event.deleted_at ? without(files, ({ message_id }) => message_id === event.message_id) : files;
    case 'messages_expired':
      return without(files, ({ seq }) => seq >= (event.first_seq ?? 0) && seq <= (event.last_seq ?? 0));
    case 'file_expired':
      return without(files, ({ file_id }) => file_id === event.file_id);
    case 'file_changed':
      return files.map((file) => (file.file_id === event.file?.file_id ? { ...withoutPreview(file), ...event.file } : file));
    default:
      return files;
  }
}

/**
 * Two stretches as one. What is in both is taken from the first.
 *
 * @param {readonly ListedFile[]} newer
 * @param {readonly ListedFile[]} older
 * @returns {ListedFile[]}
 */
export function joined(newer, older) {
  const known = new Set(newer.map(({ file_id }) => file_id));
  const all = [...newer, ...older.filter(({ file_id }) => !known.has(file_id))];
  return all.sort((one, other) => other.seq - one.seq || other.position - one.position);
}

/**
 * @param {ListedFile} file
 * @param {FileFilter} filter
 */
function fits(file, { kind, name }) {
  return (kind === '' || file.kind === kind) && file.name.toLocaleLowerCase().includes(name.toLocaleLowerCase());
}

/**
 * @param {RoomEvent} event
 * @returns {ListedFile[]}
 */
function postedFiles({ files = [], message_id = '', seq, actor_id, sent_at, at }) {
  return files.map((file, position) => ({ ...file, message_id, seq, position, author_id: actor_id, sent_at: sent_at ?? at }));
}

/** @param {ListedFile} file */
function withoutPreview({ preparing: _, preview: __, ...file }) {
  return file;
}

/**
 * @param {readonly ListedFile[]} files
 * @param {(file: ListedFile) => boolean} isGone
 */
function without(files, isGone) {
  return files.some(isGone) ? files.filter((file) => !isGone(file)) : files;
}
