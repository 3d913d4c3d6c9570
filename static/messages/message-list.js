/**
 * @import { Workroom } from '../workroom.js'
 * @import { Conversation } from './conversation.js'
 * @import { OutboxEntry } from '../connection/outbox-entries.js'
 * @import { Row, MessageRow as MessageRowShape } from './message-rows.js'
 * @import { ShownMessage } from './message-row.js'
 * @import { Message } from '../connection/protocol-shapes.js'
 */
import { build, fill } from '../elements/build.js';
import { KeyedList } from '../elements/keyed-list.js';
import { dayName } from '../words/dates.js';
import { words } from '../words/english.js';
import { findMessage } from './conversation-state.js';
import { MessageRow } from './message-row.js';
import { rowsOf } from './message-rows.js';
import { readersByMessage } from './read-markers.js';
import { unsavedByMessage } from './unsaved-changes.js';

/** @typedef {Omit<ShownMessage, 'row'> & {row: Row}} ShownRow */

/** The rows of a conversation: days, the divider before what is new, messages. */
export class MessageList {
  element = build('ol', { class: 'messages' });
  /** @type {WeakMap<Element, MessageRow>} */
  #messageRows = new WeakMap();
  #version = 0;
  #rows;
  #workroom;

  /**
   * @param {Workroom} workroom
   * @param {string} label
   */
  constructor(workroom, label) {
    this.#workroom = workroom;
    this.element.setAttribute('aria-label', label);
    this.#rows = new KeyedList(
      this.element,
      (/** @type {ShownRow} */ shown) => shown.row.key,
      (shown) => this.#create(shown.row),
    );
  }

  /** Names have changed: everything is drawn again. */
  namesChanged() {
    this.#version += 1;
  }

  /**
   * @param {Conversation} conversation
   * @param {readonly string[]} readers Whose reading is shown: the members but oneself.
   */
  show(conversation, readers) {
    const { state, markers, newAfterSeq, accountId, entries } = conversation;
    // Shown below an older stretch as well: without a line it cannot be left, and what was written must not be out of sight.
    const waiting = entries.filter((entry) => !isThere(state.messages, entry.client_command_id));
    const rows = rowsOf(state.messages, { newAfterSeq, accountId, entries: waiting });
    const standing = readersByMessage(markers, state.messages, readers);
    const unsaved = unsavedByMessage(conversation.changes, this.#workroom.connection.phase === 'open');
    this.#rows.show(
      rows.map((row) => ({
        row,
        quoted: row.type === 'message' && row.message.reply_to ? (findMessage(state, row.message.reply_to) ?? null) : null,
        readBy: row.type === 'message' ? this.#readBy(standing.get(row.message.message_id), readers) : '',
        entryKey: row.type === 'message' && row.entry ? JSON.stringify(row.entry) : '',
        delivery: row.type === 'message' && row.entry ? this.#delivery(row.entry) : '',
        waitsForOthers: row.type === 'message' && row.entry !== null && this.#workroom.outbox.waitsForOthers(row.entry),
        unsaved: (row.type === 'message' && unsaved.get(row.message.message_id)) || [],
        version: this.#version,
      })),
    );
  }

  /**
   * @param {Element} row
   * @returns {MessageRow|undefined}
   */
  rowOf(row) {
    return this.#messageRows.get(row);
  }

  /** @returns {HTMLElement|null} The divider before what is new. */
  get divider() {
    return this.element.querySelector(':scope > .new-divider');
  }

  /**
   * @param {string} messageId
   * @returns {HTMLElement|null}
   */
  find(messageId) {
    return this.element.querySelector(`:scope > [data-message-id="${CSS.escape(messageId)}"]`);
  }

  /**
   * @param {Row} first
   * @returns {import('../elements/keyed-list.js').Entry<ShownRow>}
   */
  #create(first) {
    if (first.type === 'new') {
      const element = build('li', { class: 'new-divider' }, build('span', {}, words.messages.new));
      return { element, update: () => {} };
    }
    if (first.type === 'day') {
      const name = build('span', {});
      const element = build('li', { class: 'day-divider' }, name);
      return { element, update: ({ row }) => row.type === 'day' && fill(name, dayName(row.day)) };
    }
    const drawn = new MessageRow(this.#workroom);
    this.#messageRows.set(drawn.element, drawn);
    return {
      element: drawn.element,
      update: ({ row, ...shown }) => drawn.update({ row: /** @type {MessageRowShape} */ (row), ...shown }),
    };
  }

  /**
   * What a message that was not posted yet waits for.
   *
   * @param {OutboxEntry} entry
   */
  #delivery(entry) {
    const { uploads, outbox, connection } = this.#workroom;
    if (entry.state === 'failed') return '';
    const readiness = uploads.readinessOf(entry.fields.uploads ?? []);
    if (readiness === 'aside' && outbox.holds(entry)) return words.files.waitsForPerson;
    if (connection.phase !== 'open') return words.messages.waiting;
    if (readiness === 'coming') return words.files.waitsForFiles;
    return outbox.waitsForOthers(entry) ? words.files.waitsForOthers : words.messages.sending;
  }

  /**
   * @param {readonly string[]|undefined} standing
   * @param {readonly string[]} readers
   */
  #readBy(standing, readers) {
    if (!standing) return '';
    if (standing.length === readers.length && readers.length > 2) return words.messages.readByAll;
    return words.messages.readBy(standing.map((id) => this.#workroom.people.nameOf(id) ?? words.somebody));
  }
}

/**
 * @param {readonly Message[]} messages
 * @param {string} clientCommandId
 */
function isThere(messages, clientCommandId) {
  return messages.some((message) => message.client_command_id === clientCommandId);
}
