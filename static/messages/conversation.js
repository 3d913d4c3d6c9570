/**
 * One stream of an open room as it is shown: the stretch of messages that is held, what the outbox adds to it, who has
 * read how far, and the deeds that can be done in it. Fetches pages; draws nothing.
 *
 * @import { Message, MessagePage, RoomEvent, RoomStreamSnapshot } from '../connection/protocol-shapes.js'
 * @import { Outbox } from '../connection/outbox.js'
 * @import { OutboxEntry } from '../connection/outbox-entries.js'
 * @import { Send } from '../connection/stream-registry.js'
 * @import { ConversationState } from './conversation-state.js'
 * @import { ReadMarkers } from './read-markers.js'
 */
import { CommandError } from '../connection/command-error.js';
import {
  EMPTY_CONVERSATION,
  eventsApplied,
  extendedWithPage,
  findMessage,
  openedWithPage,
  quotedLearned,
  trimmed,
} from './conversation-state.js';
import { laterExpiry } from './expiry.js';
import { readMarkerMoved, readMarkersOf } from './read-markers.js';
import { isReplacedBy, reactionUnderWay, textUnderWay } from './unsaved-changes.js';

export const PAGE_MESSAGES = 50;
export const MOST_MESSAGES = 200;

export class Conversation extends EventTarget {
  /** @type {ConversationState} */
  state = EMPTY_CONVERSATION;
  /** @type {ReadMarkers} */
  markers = {};
  /** @type {number|null} Above the first message after this number stands "new". */
  newAfterSeq = null;
  /** @type {RoomEvent[]} Events since the oldest request that is under way. */
  #meanwhile = [];
  #requests = 0;
  #readsFromSeq = 1;
  /** @type {Map<string, {entry: OutboxEntry, seq: number}>} Acknowledged, their event not here yet. */
  #settling = new Map();
  #send;
  #outbox;

  /**
   * @param {object} options
   * @param {string} options.stream
   * @param {string} options.accountId
   * @param {boolean} options.isInternal Whether these are the provider's internal notes.
   * @param {Send} options.send
   * @param {Outbox} options.outbox
   */
  constructor({ stream, accountId, isInternal, send, outbox }) {
    super();
    this.stream = stream;
    this.accountId = accountId;
    this.isInternal = isInternal;
    this.#send = send;
    this.#outbox = outbox;
  }

  /** @returns {string|null} The instant before which messages were removed that this account could have read. */
  get expiredBefore() {
    const { expiry } = this.state;
    return expiry && expiry.throughSeq >= this.#readsFromSeq ? expiry.before : null;
  }

  /** How far this account has read. */
  get readSeq() {
    return this.markers[this.accountId] ?? 0;
  }

  /** @returns {OutboxEntry[]} Posts that are on their way or failed, oldest first. */
  get entries() {
    const settling = [...this.#settling.values()].map(({ entry }) => entry);
    const waiting = this.#outbox.of(this.stream).filter((entry) => entry.command === 'post_message');
    return [...settling, ...waiting];
  }

  /** @returns {OutboxEntry[]} Edits, deletions and reactions that are on their way or were refused, oldest first. */
  get changes() {
    return this.#outbox.of(this.stream).filter((entry) => entry.command !== 'post_message');
  }

  /**
   * @param {RoomStreamSnapshot} snapshot
   * @param {RoomEvent[]} meanwhile Events that came since the snapshot was asked for.
   */
  open(snapshot, meanwhile) {
    const { expired_before: before } = snapshot;
    const opened = openedWithPage(snapshot.page, meanwhile);
    // The service tells it to those who could have read some of them, so it reaches up to where they begin to read.
    const expiry = before ? { before, throughSeq: snapshot.reads_from_seq } : null;
    this.state = { ...opened, expiry: laterExpiry(opened.expiry, expiry) };
    this.#readsFromSeq = snapshot.reads_from_seq;
    this.markers = readMarkersOf(snapshot.read_markers);
    this.#forgetSettled();
    void this.#learnQuoted(meanwhile);
    this.#changed();
  }

  /** @param {RoomEvent[]} events */
  receive(events) {
    if (this.#requests > 0) this.#meanwhile.push(...events);
    this.state = eventsApplied(this.state, events);
    if (!this.state.moreAfter) this.state = trimmed(this.state, 'before', 2 * MOST_MESSAGES);
    this.#forgetSettled();
    for (const { client_command_id } of events) if (client_command_id) this.#outbox.settle(client_command_id);
    if (events.some(({ kind }) => kind === 'messages_expired')) void this.#fillUp();
    void this.#learnQuoted(events);
    this.dispatchEvent(new CustomEvent('arrived', { detail: events }));
    this.#changed();
  }

  /**
   * An entry of the outbox was acknowledged: it stays in sight until its event is here.
   *
   * @param {OutboxEntry} entry
   * @param {number} seq
   */
  delivered(entry, seq) {
    if (entry.command !== 'post_message' || seq <= this.state.seq) return;
    this.#settling.set(entry.client_command_id, { entry, seq });
    this.#changed();
  }

  async loadBefore() {
    const first = this.state.messages[0];
    if (!first || !this.state.moreBefore) return;
    const page = await this.#fetchPage({ before: first.seq });
    if (!page || this.state.messages[0] !== first) return;
    this.state = trimmed(extendedWithPage(this.state, 'before', page, page.meanwhile), 'after', MOST_MESSAGES);
    this.#changed();
  }

  async loadAfter() {
    const last = this.state.messages[this.state.messages.length - 1];
    if (!last || !this.state.moreAfter) return;
    const page = await this.#fetchPage({ after: last.seq });
    if (!page || this.state.messages[this.state.messages.length - 1]?.seq !== last.seq) return;
    this.state = trimmed(extendedWithPage(this.state, 'after', page, page.meanwhile), 'before', MOST_MESSAGES);
    void this.#learnQuoted(page.meanwhile);
    this.#changed();
  }

  /** @returns {Promise<void>} Hold the newest page again. */
  async showLatest() {
    if (this.state.moreAfter) await this.#show({});
  }

  /**
   * @param {number} seq
   * @returns {Promise<void>} Hold the page around a number.
   */
  async showAround(seq) {
    await this.#show({ around: seq });
  }

  /**
   * @param {string} text
   * @param {{replyTo?: string|null, mentions?: string[], uploads?: string[]}} [details] It waits until its uploads are
   *   whole.
   */
  post(text, { replyTo = null, mentions = [], uploads = [] } = {}) {
    const fields = {
      text,
      ...(replyTo && { reply_to: replyTo }),
      ...(mentions.length > 0 && { mentions }),
      ...(uploads.length > 0 && { uploads }),
    };
    this.#outbox.put('post_message', this.stream, fields);
    this.newAfterSeq = null;
    void this.showLatest();
    this.#changed();
  }

  /**
   * @param {Message} message
   * @param {string} text Where the message says so anyway, or will, what was refused is given up, and nothing is sent.
   * @param {string[]} mentions
   */
  edit(message, text, mentions) {
    const isNew = text !== textUnderWay(this.changes, message);
    this.#change('edit_message', { message_id: message.message_id, text, mentions }, isNew);
  }

  /** @param {Message} message */
  delete(message) {
    this.#change('delete_message', { message_id: message.message_id });
  }

  /**
   * React, or take the reaction back where it stands already.
   *
   * @param {Message} message
   * @param {string} emoji
   */
  toggleReaction(message, emoji) {
    const standing = message.reactions.find((reaction) => reaction.emoji === emoji);
    const isMine =
      reactionUnderWay(this.changes, message.message_id, emoji) ?? standing?.account_ids.includes(this.accountId) ?? false;
    this.#change(isMine ? 'remove_reaction' : 'add_reaction', { message_id: message.message_id, emoji });
  }

  /**
   * @param {string} accountId
   * @param {number} seq
   */
  readMarkerMoved(accountId, seq) {
    const markers = readMarkerMoved(this.markers, accountId, seq);
    if (markers === this.markers) return;
    this.markers = markers;
    this.#changed();
  }

  /** The newest of the account's own messages that can still be edited. */
  lastOwnMessage() {
    return this.state.messages.findLast(({ author_id, deleted_at }) => author_id === this.accountId && !deleted_at);
  }

  /** The outbox changed: draw again. */
  outboxChanged() {
    this.#changed();
  }

  /** What was held may be gone altogether, and what lies above or below it still be there. */
  async #fillUp() {
    const { messages, moreBefore, moreAfter } = this.state;
    if (messages.length === 0 && (moreBefore || moreAfter)) await this.#show({});
  }

  /**
   * @param {string} command
   * @param {Record<string, any>} fields
   * @param {boolean} isSent
   */
  #change(command, fields, isSent = true) {
    const replaced = this.changes.filter((earlier) => isReplacedBy(earlier, command, fields));
    for (const { client_command_id } of replaced) this.#outbox.discard(client_command_id);
    if (isSent) this.#outbox.put(command, this.stream, fields);
  }

  /** @param {Record<string, number>} where */
  async #show(where) {
    const page = await this.#fetchPage(where);
    if (!page) return;
    const lastMessageSeq = this.state.lastMessageSeq;
    const opened = openedWithPage(page, page.meanwhile);
    const expiry = laterExpiry(this.state.expiry, opened.expiry);
    this.state = { ...opened, lastMessageSeq: Math.max(lastMessageSeq, opened.lastMessageSeq), expiry };
    this.#forgetSettled();
    void this.#learnQuoted(page.meanwhile);
    this.#changed();
  }

  /** What the stretch has reached shows as itself. */
  #forgetSettled() {
    for (const [id, { seq }] of this.#settling) if (seq <= this.state.seq) this.#settling.delete(id);
  }

  /**
   * @param {Record<string, number>} where
   * @returns {Promise<(MessagePage & {meanwhile: RoomEvent[]})|null>} Null where the line or the right is gone: the
   *   stretch stays as it is, and scrolling asks again.
   */
  async #fetchPage(where) {
    this.#requests += 1;
    const from = this.#meanwhile.length;
    try {
      const page = await this.#send('read_messages', { stream: this.stream, limit: PAGE_MESSAGES, ...where });
      return { ...page, meanwhile: this.#meanwhile.slice(from) };
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      return null;
    } finally {
      this.#requests -= 1;
      if (this.#requests === 0) this.#meanwhile = [];
    }
  }

  /**
   * A reply may quote what lies far above: the reply's own page brings it along. Without it the reply stands there without
   * its quotation, until the page is read again.
   *
   * @param {RoomEvent[]} events Those that the stretch has just got.
   */
  async #learnQuoted(events) {
    for (const { message_id = '', reply_to, seq } of events) {
      if (!reply_to || !findMessage(this.state, message_id) || findMessage(this.state, reply_to)) continue;
      const page = await this.#fetchPage({ around: seq, limit: 1 });
      if (!page) continue;
      this.state = quotedLearned(this.state, page, page.meanwhile);
      this.#changed();
    }
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}
