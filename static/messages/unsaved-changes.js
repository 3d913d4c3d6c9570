/**
 * What the outbox holds besides posts: edits, deletions and reactions that are on their way or were refused. Each is told
 * on the message it is about, so that nothing one did is lost without a word. Plain values; draws nothing.
 *
 * @import { OutboxEntry } from '../connection/outbox-entries.js'
 * @import { Message } from '../connection/protocol-shapes.js'
 *
 * @typedef {object} UnsavedChange
 * @property {OutboxEntry} entry
 * @property {'sending'|'waiting'|'failed'} standing Waiting is what cannot leave, because there is no line.
 *
 * @typedef {object} UnsentCounts
 * @property {number} messages
 * @property {number} edits
 * @property {number} deletions
 * @property {number} reactions
 */

const REACTIONS = ['add_reaction', 'remove_reaction'];

/**
 * @param {readonly OutboxEntry[]} entries
 * @param {boolean} isConnected
 * @returns {Map<string, UnsavedChange[]>} By the message's id, oldest first.
 */
export function unsavedByMessage(entries, isConnected) {
  /** @type {Map<string, UnsavedChange[]>} */
  const found = new Map();
  for (const entry of entries) {
    const { message_id: messageId } = entry.fields;
    const standing = entry.state === 'failed' ? 'failed' : isConnected ? 'sending' : 'waiting';
    found.set(messageId, [...(found.get(messageId) ?? []), { entry, standing }]);
  }
  return found;
}

/**
 * Whether a new change makes an earlier one that was refused pointless: trying that again would undo the new one.
 *
 * @param {OutboxEntry} earlier
 * @param {string} command
 * @param {Record<string, any>} fields
 */
export function isReplacedBy(earlier, command, fields) {
  if (earlier.state !== 'failed' || earlier.fields.message_id !== fields.message_id) return false;
  if (command === 'delete_message') return true;
  if (command === 'edit_message') return earlier.command === command;
  return REACTIONS.includes(earlier.command) && earlier.fields.emoji === fields.emoji;
}

/**
 * What editing a message begins with: one's own last words for it, also where they were refused, or are on their way.
 *
 * @param {readonly OutboxEntry[]} entries
 * @param {Message} message
 * @returns {string}
 */
export function textToEdit(entries, message) {
  const last = entries.findLast((entry) => isEditOf(entry, message));
  return last ? last.fields.text : message.text;
}

/**
 * What a message will say once everything that is on its way has arrived.
 *
 * @param {readonly OutboxEntry[]} entries
 * @param {Message} message
 * @returns {string}
 */
export function textUnderWay(entries, message) {
  const last = entries.findLast((entry) => entry.state === 'pending' && isEditOf(entry, message));
  return last ? last.fields.text : message.text;
}

/**
 * @param {OutboxEntry} entry
 * @param {Message} message
 */
function isEditOf({ command, fields }, message) {
  return command === 'edit_message' && fields.message_id === message.message_id;
}

/**
 * @param {readonly OutboxEntry[]} entries
 * @returns {UnsentCounts}
 */
export function countUnsent(entries) {
  const count = (/** @type {string[]} */ ...commands) => entries.filter(({ command }) => commands.includes(command)).length;
  return {
    messages: count('post_message'),
    edits: count('edit_message'),
    deletions: count('delete_message'),
    reactions: count(...REACTIONS),
  };
}

/**
 * Whether a reaction of one's own stands, or will once everything that is on its way has arrived.
 *
 * @param {readonly OutboxEntry[]} entries
 * @param {string} messageId
 * @param {string} emoji
 * @returns {boolean|undefined} Undefined where nothing is on its way.
 */
export function reactionUnderWay(entries, messageId, emoji) {
  const last = entries.findLast(({ state, command, fields }) => {
    return state === 'pending' && REACTIONS.includes(command) && fields.message_id === messageId && fields.emoji === emoji;
  });
  return last && last.command === 'add_reaction';
}
