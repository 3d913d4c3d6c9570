/**
 * What an event does to one message: (message, event) -> message. The higher revision counts, a message that was taken
 * back stays so, and a reaction is there or not, however often it is told.
 *
 * @import { Message, RoomEvent } from '../connection/protocol-shapes.js'
 */

/**
 * The message a `message_posted` event tells of. Read later, the event carries what the message says by then.
 *
 * @param {RoomEvent} event
 * @returns {Message}
 */
export function messageFromEvent(event) {
  /** @type {Message} */
  const message = {
    message_id: event.message_id ?? '',
    seq: event.seq,
    author_id: event.actor_id,
    text: event.text ?? '',
    mentions: event.mentions ?? [],
    reply_to: event.reply_to ?? null,
    sent_at: event.sent_at ?? event.at,
    revision: event.revision ?? 1,
    edited_at: event.edited_at ?? null,
    deleted_at: event.deleted_at ?? null,
    deleted_by: event.deleted_by ?? null,
    reactions: event.reactions ?? [],
    files: event.files ?? [],
    client_command_id: event.client_command_id,
  };
  return message;
}

/**
 * A message as a page has it. What is empty may be left out on the wire.
 *
 * @param {Partial<Message> & Pick<Message, 'message_id'|'seq'|'author_id'|'sent_at'>} message
 * @param {number} asOf The position the page is of.
 * @returns {Message}
 */
export function messageFromPage(message, asOf) {
  return { text: '', mentions: [], reply_to: null, revision: 1, reactions: [], files: [], ...message, as_of: asOf };
}

/**
 * @param {Message} message
 * @param {RoomEvent} event
 * @returns {Message}
 */
export function appliedToMessage(message, event) {
  if (event.message_id !== message.message_id || event.withheld) return message;
  if (event.seq <= (message.as_of ?? 0)) return message;
  if (event.kind === 'message_edited') return edited(message, event);
  if (event.kind === 'message_deleted') return deleted(message, event.at, event.actor_id);
  if (event.kind === 'file_changed') return fileChanged(message, event);
  if (event.kind === 'reaction_added' || event.kind === 'reaction_removed') return reacted(message, event);
  return message;
}

/**
 * @param {Message} message
 * @param {RoomEvent} event
 * @returns {Message}
 */
function edited(message, event) {
  if (message.deleted_at) return message;
  const revision = event.revision ?? message.revision + 1;
  if (revision < message.revision) return message;
  const editedAt = event.edited_at ?? laterOf(message.edited_at, event.at);
  const changed = { ...message, text: event.text ?? '', mentions: event.mentions ?? [], revision, edited_at: editedAt };
  // Read later, an edit may be of a message that was taken back by then.
  return event.deleted_at ? deleted(changed, event.deleted_at, event.deleted_by ?? null) : changed;
}

/**
 * @param {Message} message
 * @param {string} at
 * @param {string|null} by
 * @returns {Message}
 */
function deleted(message, at, by) {
  if (message.deleted_at) return message;
  return { ...message, text: '', mentions: [], reactions: [], files: [], deleted_at: at, deleted_by: by };
}

/**
 * What was found out about a file later: a scan is done, or a preview is there.
 *
 * @param {Message} message
 * @param {RoomEvent} event
 * @returns {Message}
 */
function fileChanged(message, { file }) {
  if (!file) return message;
  return { ...message, files: message.files.map((one) => (one.file_id === file.file_id ? file : one)) };
}

/**
 * @param {Message} message
 * @param {RoomEvent} event
 * @returns {Message}
 */
function reacted(message, event) {
  if (message.deleted_at || !event.emoji) return message;
  const who = event.account_id ?? event.actor_id;
  const standing = message.reactions.find((reaction) => reaction.emoji === event.emoji);
  const others = standing ? standing.account_ids.filter((id) => id !== who) : [];
  const accountIds = event.kind === 'reaction_added' ? [...others, who] : others;
  const reaction = { emoji: event.emoji, account_ids: accountIds };
  const reactions = standing
    ? message.reactions.map((one) => (one === standing ? reaction : one))
    : [...message.reactions, reaction];
  return { ...message, reactions: reactions.filter((one) => one.account_ids.length > 0) };
}

/**
 * @param {string|null|undefined} one
 * @param {string} other
 */
function laterOf(one, other) {
  return one && one > other ? one : other;
}
