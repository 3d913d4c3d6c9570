/**
 * The list of rooms as plain data, and how events change it: (state, what came) -> state. What an event alone cannot
 * tell (a count that reached its limit, a marker among messages we never saw) marks the state as `stale`: its owner
 * then fetches the list afresh.
 *
 * @import { RoomEvent, RoomLine } from '../connection/protocol-shapes.js'
 *
 * @typedef {object} KnownPost A message of somebody else that came as an event.
 * @property {number} seq
 * @property {boolean} mentions Whether it mentions the reader.
 *
 * @typedef {RoomLine & {posts: KnownPost[], staffPosts: KnownPost[]}} RoomEntry
 *
 * @typedef {object} RoomListState
 * @property {Readonly<Record<string, RoomEntry>>} rooms By room id.
 * @property {boolean} stale
 */
import { countedPost, deletedPost, markedRead, mentionedByEdit } from './unread-count.js';

/** @type {RoomListState} */
export const EMPTY_ROOM_LIST = Object.freeze({ rooms: {}, stale: false });

/**
 * @param {RoomLine[]} lines
 * @returns {RoomListState}
 */
export function roomsListed(lines) {
  const entries = lines.map((line) => [line.room_id, { ...line, posts: [], staffPosts: [] }]);
  return { rooms: Object.fromEntries(entries), stale: false };
}

/**
 * An event of one of the rooms' streams.
 *
 * @param {RoomListState} state
 * @param {string} stream
 * @param {RoomEvent} event
 * @param {{accountId: string, nameOf: (accountId: string) => string|undefined}} reader
 * @returns {RoomListState}
 */
export function roomEventApplied(state, stream, event, reader) {
  const room = roomOfStream(state, stream);
  if (!room) return state;
  const isShared = room.stream === stream;
  if (event.seq <= ((isShared ? room.seq : room.staff_seq) ?? 0)) return state;
  const moved = isShared ? { ...room, seq: event.seq } : { ...room, staff_seq: event.seq };
  const counted = countEvent(moved, stream, event, reader.accountId);
  const changed = isShared ? roomChanged(counted.room, event, reader) : { room: counted.room, stale: false };
  const stale = state.stale || counted.stale || changed.stale;
  return { rooms: { ...state.rooms, [room.room_id]: changed.room }, stale };
}

/**
 * An event of the account's own stream.
 *
 * @param {RoomListState} state
 * @param {RoomEvent} event
 * @returns {RoomListState}
 */
export function accountEventApplied(state, event) {
  if (event.kind === 'room_entered') return { ...state, stale: true };
  if (event.kind === 'room_exited') return roomForgotten(state, event.room_id ?? '');
  if (event.kind === 'read_marker_moved') return readTo(state, event.stream ?? '', event.read_seq ?? 0);
  return state;
}

/**
 * The reader has read a stream up to a number, here or on another device.
 *
 * @param {RoomListState} state
 * @param {string} stream
 * @param {number} seq
 * @returns {RoomListState}
 */
export function readTo(state, stream, seq) {
  const room = roomOfStream(state, stream);
  if (!room) return state;
  const { room: read, stale } = markedRead(room, stream, seq);
  return { rooms: { ...state.rooms, [room.room_id]: read }, stale: state.stale || stale };
}

/**
 * @param {RoomListState} state
 * @param {string} roomId
 * @returns {RoomListState}
 */
export function roomForgotten(state, roomId) {
  const { [roomId]: _, ...rooms } = state.rooms;
  return { ...state, rooms };
}

/**
 * @param {RoomListState} state
 * @param {{stream: string, online?: string[], offline?: string[]}} hint
 * @returns {RoomListState}
 */
export function presenceChanged(state, { stream, online = [], offline = [] }) {
  const room = roomOfStream(state, stream);
  if (!room) return state;
  const there = new Set([...room.online, ...online]);
  for (const accountId of offline) there.delete(accountId);
  return { ...state, rooms: { ...state.rooms, [room.room_id]: { ...room, online: [...there] } } };
}

/**
 * Open rooms first, those with the newest line on top; archived ones last.
 *
 * @param {RoomListState} state
 * @returns {RoomEntry[]}
 */
export function inOrder(state) {
  const newest = (/** @type {RoomEntry} */ room) => room.last_message?.sent_at ?? '';
  return Object.values(state.rooms).sort((one, other) => {
    const archived = Number(Boolean(one.archived_at)) - Number(Boolean(other.archived_at));
    return archived || newest(other).localeCompare(newest(one)) || one.name.localeCompare(other.name);
  });
}

/**
 * @param {RoomListState} state
 * @returns {number} All that is unread, internal notes too.
 */
export function totalUnread(state) {
  return Object.values(state.rooms).reduce((sum, room) => sum + room.unread + (room.staff_unread ?? 0), 0);
}

/**
 * @param {RoomListState} state
 * @param {string} stream
 * @returns {RoomEntry|undefined}
 */
export function roomOfStream(state, stream) {
  return Object.values(state.rooms).find((room) => room.stream === stream || room.staff_stream === stream);
}

/**
 * @param {RoomEntry} room
 * @param {string} stream
 * @param {RoomEvent} event
 * @param {string} accountId
 * @returns {{room: RoomEntry, stale: boolean}}
 */
function countEvent(room, stream, event, accountId) {
  if (event.kind === 'message_posted' && event.actor_id !== accountId && !event.deleted_at && !event.withheld) {
    return countedPost(room, stream, event.seq, event.mentions?.includes(accountId) ?? false);
  }
  if (event.kind === 'message_edited' && event.actor_id !== accountId && event.mentions?.includes(accountId)) {
    return mentionedByEdit(room, stream, event.subject_seq ?? 0);
  }
  // What is unread, and what was said last, may be among it.
  if (event.kind === 'messages_expired' || event.kind === 'messages_restored') return { room, stale: true };
  if (event.kind === 'message_deleted') return deletedPost(room, stream, event.subject_seq ?? 0);
  return { room, stale: false };
}

/**
 * @param {RoomEntry} room
 * @param {RoomEvent} event
 * @param {{nameOf: (accountId: string) => string|undefined}} reader
 * @returns {{room: RoomEntry, stale: boolean}}
 */
function roomChanged(room, event, reader) {
  switch (event.kind) {
    case 'message_posted':
      return known(event.withheld ? room : { ...room, last_message: lastMessageOf(event, reader) });
    case 'message_edited':
    case 'message_deleted':
      return lastMessageCorrected(room, event);
    case 'room_renamed':
      return known({ ...room, name: event.name ?? room.name });
    case 'room_archived':
      return known({ ...room, archived_at: event.at });
    case 'room_reopened':
      return known({ ...room, archived_at: null });
    case 'member_joined':
      return known({ ...room, member_count: room.member_count + 1 });
    case 'member_left':
    case 'member_removed':
      return known({ ...room, member_count: Math.max(0, room.member_count - 1) });
    default:
      return known(room);
  }
}

/** @param {RoomEntry} room */
function known(room) {
  return { room, stale: false };
}

/**
 * @param {RoomEvent} event
 * @param {{nameOf: (accountId: string) => string|undefined}} reader
 */
function lastMessageOf(event, reader) {
  return {
    message_id: event.message_id,
    author_id: event.actor_id,
    author_name: reader.nameOf(event.actor_id),
    text: event.text ?? '',
    sent_at: event.sent_at ?? event.at,
    deleted: Boolean(event.deleted_at),
    file_count: event.files?.length ?? 0,
  };
}

/**
 * An edit or deletion may be of the last message. Where the list itself told that one, its id may be unknown.
 *
 * @param {RoomEntry} room
 * @param {RoomEvent} event
 * @returns {{room: RoomEntry, stale: boolean}}
 */
function lastMessageCorrected(room, event) {
  const last = room.last_message;
  if (!last || last.deleted || event.withheld) return known(room);
  if (!last.message_id) return { room, stale: true };
  if (last.message_id !== event.message_id) return known(room);
  if (event.kind === 'message_deleted' || event.deleted_at) {
    return known({ ...room, last_message: { ...last, text: '', deleted: true, file_count: 0 } });
  }
  return known({ ...room, last_message: { ...last, text: event.text ?? last.text } });
}
