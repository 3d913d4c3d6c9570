/**
 * What the end of an agreed period does to a stretch of messages: (state, event) -> state. The browser forgets what nobody
 * may see any more; that and since when is all it learns.
 *
 * @import { Message, RoomEvent } from '../connection/protocol-shapes.js'
 * @import { ConversationState } from './conversation-state.js'
 *
 * @typedef {object} Expiry How far up messages were removed.
 * @property {string} before The instant before which.
 * @property {number} throughSeq The number of the last of them.
 */

/** @param {RoomEvent} event */
export function isExpiry({ kind }) {
  return kind === 'messages_expired' || kind === 'file_expired';
}

/**
 * @param {ConversationState} state
 * @param {RoomEvent} event
 * @returns {ConversationState}
 */
export function expiryApplied(state, event) {
  if (event.kind === 'messages_expired') return messagesExpired(state, event);
  if (event.kind === 'file_expired') return fileExpired(state, event);
  return state;
}

/**
 * @param {Expiry|null} one
 * @param {Expiry|null} other
 * @returns {Expiry|null}
 */
export function laterExpiry(one, other) {
  if (!one || !other) return one ?? other;
  return Date.parse(one.before) >= Date.parse(other.before) ? one : other;
}

/**
 * @param {ConversationState} state
 * @param {RoomEvent} event
 * @returns {ConversationState}
 */
function messagesExpired(state, event) {
  const { first_seq: first = 0, last_seq: last = 0, expired_before: before } = event;
  // A page that was read later knows better: there they may stand again.
  const stays = (/** @type {Message} */ { seq, as_of }) => seq < first || seq > last || (as_of ?? 0) >= event.seq;
  const quoted = Object.fromEntries(Object.entries(state.quoted).filter(([, message]) => stays(message)));
  const expiry = laterExpiry(state.expiry, before ? { before, throughSeq: last } : null);
  return { ...state, messages: state.messages.filter(stays), quoted, expiry };
}

/**
 * @param {ConversationState} state
 * @param {RoomEvent} event
 * @returns {ConversationState}
 */
function fileExpired(state, { subject_seq: seq, file_id: fileId }) {
  const without = (/** @type {Message} */ message) =>
    message.seq === seq && message.files ? { ...message, files: message.files.filter((file) => file.file_id !== fileId) } : message;
  const quoted = Object.fromEntries(Object.entries(state.quoted).map(([id, message]) => [id, without(message)]));
  return { ...state, messages: state.messages.map(without), quoted };
}
