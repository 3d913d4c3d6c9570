import { build, fill } from '../elements/build.js';
import { ask } from '../elements/dialogs.js';
import { icon } from '../elements/icon.js';
import { Listening } from '../elements/listening.js';
import { Repaint } from '../elements/repaint.js';
import { ConversationFiles } from '../files/conversation-files.js';
import { words } from '../words/english.js';
import { beginning } from './beginning.js';
import { askForLabel } from './label-dialog.js';
import { MessageActions } from './message-actions.js';
import { MessageComposer } from './message-composer.js';
import { MessageList } from './message-list.js';
import { MessageWalk } from './message-walk.js';
import { NewMessageAnnouncer } from './new-message-announcer.js';
import { dividerMoved } from './read-markers.js';
import { ScrollKeeper } from './scroll-keeper.js';
import { TypingLine } from './typing-line.js';
import { UnsavedElsewhere } from './unsaved-elsewhere.js';

/**
 * @import { Workroom } from '../workroom.js'
 * @import { OpenRoom } from '../rooms/open-room.js'
 * @import { Message } from '../connection/protocol-shapes.js'
 * @import { Conversation } from './conversation.js'
 * @import { Deed } from './message-actions.js'
 */

/** A conversation, or the internal notes of a room: its messages, scrolled through without a jump, and the composer. */
export class ConversationView extends HTMLElement {
  #listening = new Listening();
  #repaint = new Repaint(() => this.#draw());
  #beginning = build('div', { class: 'beginning' });
  #jump = build('button', { type: 'button', class: 'jump', hidden: true });
  #actions = new MessageActions((deed) => this.#act(deed));
  #isLoading = false;
  #isPlaced = false;
  #workroom;
  #open;
  #conversation;
  #list;
  #scroller;
  #keeper;
  #composer;
  #announcer;
  #walk;
  #files;

  /**
   * @param {Workroom} workroom
   * @param {OpenRoom} open
   * @param {Conversation} conversation One of the room's.
   */
  constructor(workroom, open, conversation) {
    super();
    this.#workroom = workroom;
    this.#open = open;
    this.#conversation = conversation;
    const label = conversation.isInternal ? words.messages.notesList : words.messages.list;
    this.#list = new MessageList(workroom, label);
    this.#scroller = build('div', { class: 'scroller' }, this.#beginning, this.#list.element);
    this.#keeper = new ScrollKeeper(this.#scroller, this.#list.element);
    this.#composer = new MessageComposer(workroom, open, conversation);
    this.#files = new ConversationFiles(workroom, open, conversation, (...chosen) => this.#composer.addFiles(...chosen));
    this.#walk = new MessageWalk(this.#list.element, () => this.#composer.focus());
    this.#announcer = new NewMessageAnnouncer(workroom.people, workroom.account.account_id);
  }

  connectedCallback() {
    this.classList.toggle('is-internal', this.#conversation.isInternal);
    fill(
      this,
      this.#conversation.isInternal && build('p', { class: 'notes-label' }, icon('lock'), words.room.notesLabel),
      build('div', { class: 'scroller-frame' }, this.#scroller, this.#jump),
      new UnsavedElsewhere(this.#workroom, this.#conversation),
      new TypingLine(this.#workroom, this.#conversation.stream),
      this.#composer,
      this.#announcer.element,
      this.#files.element,
    );
    this.#listen();
    if (this.#open.room) this.#opened();
  }

  disconnectedCallback() {
    this.#listening.end();
    this.#repaint.stop();
    this.#announcer.end();
    this.#files.end();
    this.#conversation.newAfterSeq = null;
  }

  #listen() {
    const to = this.#listening;
    to.to(this.#open, 'opened', () => this.#opened());
    for (const source of [this.#open, this.#conversation, this.#workroom.uploads]) to.to(source, 'change', this.#repaint.request);
    to.to(this.#conversation, 'arrived', (event) => this.#announcer.arrived(event.detail));
    to.to(this.#workroom, 'phase', this.#repaint.request);
    to.to(this.#workroom.people, 'change', () => {
      this.#list.namesChanged();
      this.#repaint.request();
    });
    to.to(document, 'visibilitychange', () => this.#markRead());
    to.to(this.#scroller, 'scroll', () => this.#scrolled(), { passive: true });
    to.to(this.#jump, 'click', () => void this.#jumpToLatest());
    to.to(this.#list.element, 'pointerover', (event) => this.#pointAt(event.target));
    to.to(this.#list.element, 'pointerleave', () => this.#pointAway());
    to.to(this.#list.element, 'focusin', (event) => this.#pointAt(event.target));
    to.to(this.#list.element, 'click', (event) => this.#clicked(event.target));
    to.to(this, 'edit-last', () => this.#editLast());
    to.to(this, 'posted', () => this.#keeper.toEnd());
    const sizes = new ResizeObserver(() => this.#keeper.resized());
    sizes.observe(this.#scroller);
    to.to(this, 'leave-composer', () => this.#walk.focusLast());
    this.#files.begin(this);
  }

  /** The room was fetched: begin where the reader stopped. */
  #opened() {
    const line = this.#workroom.roomList.find(this.#open.roomId);
    const isShared = !this.#conversation.isInternal;
    const unread = (isShared ? line?.unread : line?.staff_unread) ?? 0;
    const answered = this.#conversation.lastOwnMessage()?.seq ?? 0;
    const readSeq = Math.max(answered, this.#conversation.readSeq, isShared ? (line?.read_seq ?? 0) : 0);
    this.#conversation.newAfterSeq = unread > 0 ? readSeq : null;
    const { messages, moreBefore } = this.#conversation.state;
    const startsLater = moreBefore && unread > 0 && readSeq > 0 && (messages[0]?.seq ?? 0) > readSeq;
    this.#isPlaced = false;
    if (startsLater) void this.#conversation.showAround(readSeq).then(() => this.#place());
    else this.#place();
  }

  #place() {
    this.#isPlaced = true;
    this.#keeper.toEnd();
    this.#repaint.now();
    const divider = this.#list.divider;
    if (divider) this.#keeper.toRow(divider);
    else this.#keeper.toEnd();
    this.#scrolled();
  }

  #draw() {
    const { room } = this.#open;
    // Before the room was fetched there is only what one has just written oneself.
    const isWaiting = !room && this.#conversation.entries.length > 0;
    if (!this.#isPlaced && !isWaiting) return;
    const own = this.#workroom.account.account_id;
    const members = room?.members.filter((member) => !this.#conversation.isInternal || member.kind !== 'customer') ?? [];
    const readers = members.map((member) => member.account_id).filter((id) => id !== own);
    this.#setDivider();
    this.#keeper.keep(() => {
      this.#drawBeginning();
      this.#list.show(this.#conversation, readers);
    }, !this.#conversation.state.moreAfter);
    this.#walk.rowsChanged();
    this.#markRead();
    this.#drawJump();
    void this.#loadMore();
  }

  /** What comes while the reader looks elsewhere is new to them when they come back. */
  #setDivider() {
    const { newAfterSeq, state, readSeq } = this.#conversation;
    const isWatching = document.visibilityState === 'visible' && this.#keeper.isAtEnd;
    const { lastMessageSeq } = state;
    this.#conversation.newAfterSeq = dividerMoved(newAfterSeq, { isWatching, readSeq, lastMessageSeq });
  }

  #drawBeginning() {
    const { state, isInternal, entries, expiredBefore } = this.#conversation;
    this.#beginning.hidden = state.moreBefore || !this.#open.room;
    if (this.#beginning.hidden) return;
    const isEmpty = state.messages.length === 0 && entries.length === 0;
    const reads = this.#open.room?.streams.shared.reads_from_seq ?? 1;
    this.#beginning.classList.toggle('is-empty', isEmpty);
    fill(this.#beginning, ...beginning({ isEmpty, isInternal, isLate: reads > 1 && !isInternal, expiredBefore }));
  }

  #scrolled() {
    this.#markRead();
    this.#drawJump();
    void this.#loadMore();
  }

  async #loadMore() {
    if (this.#isLoading || !this.#isPlaced) return;
    const { state } = this.#conversation;
    const before = state.moreBefore && this.#keeper.nearsStart;
    if (!before && !(state.moreAfter && this.#keeper.nearsEnd)) return;
    this.#isLoading = true;
    try {
      await (before ? this.#conversation.loadBefore() : this.#conversation.loadAfter());
    } finally {
      this.#isLoading = false;
    }
  }

  #markRead() {
    const { state, readSeq, stream } = this.#conversation;
    if (!this.#isPlaced || state.moreAfter || !this.#keeper.isAtEnd || document.visibilityState !== 'visible') return;
    const line = this.#workroom.roomList.find(this.#open.roomId);
    const unread = this.#conversation.isInternal ? (line?.staff_unread ?? 0) : (line?.unread ?? 0);
    if (unread > 0 || state.lastMessageSeq > readSeq) this.#workroom.markRead(stream, state.seq);
  }

  #drawJump() {
    const { state, stream } = this.#conversation;
    const line = this.#workroom.roomList.findByStream(stream);
    const unread = (this.#conversation.isInternal ? line?.staff_unread : line?.unread) ?? 0;
    this.#jump.hidden = !this.#isPlaced || (this.#keeper.isAtEnd && !state.moreAfter);
    const text = unread > 0 ? words.messages.jumpNew(unread) : words.messages.jump;
    if (this.#jump.textContent !== text) fill(this.#jump, icon('down'), text);
  }

  async #jumpToLatest() {
    await this.#conversation.showLatest();
    this.#repaint.now();
    this.#keeper.toEnd();
    this.#scrolled();
    this.#composer.focus();
  }

  /** @param {EventTarget|null} target */
  #pointAt(target) {
    const row = target instanceof Element ? target.closest('.message') : null;
    const message = row && this.#list.rowOf(row)?.message;
    if (!(row instanceof HTMLElement) || !message) return;
    if (message.deleted_at || !row.dataset.messageId) return this.#actions.hide();
    this.#actions.showOn(row, message, this.#rights(message));
  }

  #pointAway() {
    if (!this.#list.element.contains(document.activeElement)) this.#actions.hide();
  }

  /** @param {Message} message */
  #rights(message) {
    const { people, account } = this.#workroom;
    const isOwn = message.author_id === account.account_id;
    const writes = !this.#open.room?.archived_at;
    const ofCustomer = people.find(message.author_id)?.kind === 'customer';
    const deletes = isOwn || (ofCustomer && this.#workroom.may('delete_messages_of_customers'));
    const labels = this.#workroom.may('label_content');
    return { writes, edits: writes && isOwn, deletes: writes && deletes, labels };
  }

  /** @param {EventTarget|null} target */
  #clicked(target) {
    if (!(target instanceof Element)) return;
    const button = target.closest('button');
    const { emoji, quoted, retry, discard, ahead } = button?.dataset ?? {};
    const row = target.closest('.message');
    const message = row && this.#list.rowOf(row)?.message;
    if (emoji && message) this.#conversation.toggleReaction(message, emoji);
    if (quoted) void this.showMessage(quoted, this.#conversation.state.quoted[quoted]?.seq);
    if (retry) this.#workroom.outbox.retry(retry);
    if (discard) this.#workroom.outbox.discard(discard);
    if (ahead) this.#workroom.outbox.change(ahead, { ahead: true });
    this.#pointAt(target);
  }

  /**
   * @param {string} messageId
   * @param {number} [seq] Its number: it is fetched where it is not held.
   */
  async showMessage(messageId, seq) {
    if (!this.#list.find(messageId) && seq) {
      await this.#conversation.showAround(seq);
      this.#repaint.now();
    }
    const row = this.#list.find(messageId);
    if (!row) return;
    this.#keeper.toRow(row, 0.4);
    row.focus({ preventScroll: true });
  }

  /** @param {Deed} deed */
  #act({ kind, message, emoji }) {
    if (kind === 'react' && emoji) this.#conversation.toggleReaction(message, emoji);
    if (kind === 'reply') this.#composer.reply(message);
    if (kind === 'edit') this.#composer.edit(message);
    if (kind === 'label') void askForLabel(message);
    if (kind !== 'delete') return;
    ask({
      title: words.messages.deleteTitle,
      lead: words.messages.deleteLead,
      submit: words.messages.delete,
      isGrave: true,
      act: async () => this.#conversation.delete(message),
    });
  }

  #editLast() {
    const message = this.#conversation.lastOwnMessage();
    if (message) this.#composer.edit(message);
  }
}

customElements.define('conversation-view', ConversationView);
