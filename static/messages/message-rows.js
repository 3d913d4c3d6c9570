/**
 * From messages to what is drawn, one row after the other: a line for each new day, a divider before what is new, and
 * messages of one author within five minutes as one group.
 *
 * @import { Message } from '../connection/protocol-shapes.js'
 * @import { OutboxEntry } from '../connection/outbox-entries.js'
 *
 * @typedef {{key: string, type: 'day', day: string}} DayRow
 * @typedef {{key: string, type: 'new'}} NewRow
 * @typedef {{key: string, type: 'message', message: Message, opensGroup: boolean, entry: OutboxEntry|null}} MessageRow
 * @typedef {DayRow|NewRow|MessageRow} Row
 */

const GROUP_MS = 5 * 60 * 1000;

/**
 * @param {readonly Message[]} messages
 * @param {object} [options]
 * @param {number|null} [options.newAfterSeq] Above the first message of somebody else after this number stands "new".
 * @param {string} [options.accountId] Whose eyes these are.
 * @param {readonly OutboxEntry[]} [options.entries] What waits in the outbox: drawn last.
 * @param {(instant: Date) => string} [options.dayOf] The calendar day an instant falls on, where the reader is.
 * @param {() => number} [options.now]
 * @returns {Row[]}
 */
export function rowsOf(messages, options = {}) {
  const { newAfterSeq = null, accountId = '', entries = [], dayOf = localDay, now = Date.now } = options;
  /** @type {Row[]} */
  const rows = [];
  /** @type {Message|null} */
  let previous = null;
  let announced = newAfterSeq === null;
  for (const { message, entry } of [...messages.map(stored), ...entries.map((one) => pending(one, accountId, now()))]) {
    const day = dayOf(new Date(message.sent_at));
    const opensDay = !previous || dayOf(new Date(previous.sent_at)) !== day;
    if (opensDay) rows.push({ key: `day ${day} ${message.message_id}`, type: 'day', day: message.sent_at });
    const isNew = !announced && !entry && message.seq > (newAfterSeq ?? 0) && message.author_id !== accountId;
    if (isNew) rows.push({ key: 'new', type: 'new' });
    announced ||= isNew;
    const opensGroup = opensDay || isNew || !previous || !belongTogether(previous, message);
    rows.push({ key: rowKey(message), type: 'message', message, opensGroup, entry });
    previous = message;
  }
  return rows;
}

/**
 * What a row is known by: the id its sender gave it, so that a message does not blink when it is acknowledged.
 *
 * @param {Message} message
 */
export function rowKey(message) {
  return message.client_command_id ?? message.message_id;
}

/** @param {Message} message */
function stored(message) {
  return { message, entry: null };
}

/**
 * @param {OutboxEntry} entry
 * @param {string} accountId
 * @param {number} now
 * @returns {{message: Message, entry: OutboxEntry}}
 */
function pending(entry, accountId, now) {
  return {
    entry,
    message: {
      message_id: entry.client_command_id,
      client_command_id: entry.client_command_id,
      seq: Number.MAX_SAFE_INTEGER,
      author_id: accountId,
      text: entry.fields.text,
      mentions: entry.fields.mentions ?? [],
      reply_to: entry.fields.reply_to ?? null,
      sent_at: new Date(Math.min(entry.order, now)).toISOString(),
      revision: 1,
      reactions: [],
      files: [],
    },
  };
}

/**
 * @param {Message} earlier
 * @param {Message} later
 */
function belongTogether(earlier, later) {
  const gapMs = Date.parse(later.sent_at) - Date.parse(earlier.sent_at);
  return earlier.author_id === later.author_id && gapMs < GROUP_MS && !later.reply_to;
}

/** @param {Date} instant */
function localDay(instant) {
  return `${instant.getFullYear()}-${instant.getMonth() + 1}-${instant.getDate()}`;
}
