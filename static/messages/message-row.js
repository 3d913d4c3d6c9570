/**
 * @import { Message } from '../connection/protocol-shapes.js'
 * @import { Workroom } from '../workroom.js'
 * @import { MessageRow as Row } from './message-rows.js'
 * @import { UnsavedChange } from './unsaved-changes.js'
 *
 * @typedef {object} ShownMessage
 * @property {Row} row
 * @property {Message|null} quoted What it answers, where that is known.
 * @property {string} readBy Words on who has read up to here; empty for nobody.
 * @property {string} entryKey Changes with what of it waits in the outbox; empty for what has arrived.
 * @property {string} delivery Words on what it waits for; empty for what has arrived or failed.
 * @property {boolean} waitsForOthers Whether it can be sent ahead of what it waits for.
 * @property {UnsavedChange[]} unsaved What was done with it and has not arrived.
 * @property {number} version Changes when names changed.
 */
import { arrange } from '../elements/arrange.js';
import { avatar } from '../elements/avatar.js';
import { build, fill, mark } from '../elements/build.js';
import { AttachmentList } from '../files/attachment-list.js';
import { PendingFiles } from '../files/pending-files.js';
import { clockTime, wholeDate } from '../words/dates.js';
import { words } from '../words/english.js';
import { sentenceForCode } from '../words/sentences.js';
import { spokenOf, summaryOf } from './message-summary.js';
import { messageText } from './message-text.js';
import { UnsavedLines } from './unsaved-lines.js';

/** A message as it is drawn: made once, drawn again only where something of it changed. */
export class MessageRow {
  element = build('li', { class: 'message', tabindex: -1 });
  /** @type {Message|null} */
  message = null;
  /** @type {ShownMessage|null} */
  #shown = null;
  #body = build('div', { class: 'message-body' });
  /** @type {AttachmentList|null} */
  #attachments = null;
  /** @type {PendingFiles|null} */
  #pendingFiles = null;
  #unsaved = new UnsavedLines();
  #people;
  #accountId;
  #uploads;

  /** @param {Workroom} workroom */
  constructor({ people, account, uploads }) {
    this.#people = people;
    this.#accountId = account.account_id;
    this.#uploads = uploads;
  }

  /** @param {ShownMessage} shown */
  update(shown) {
    this.#unsaved.show(shown.unsaved);
    if (this.#shown && isSame(this.#shown, shown)) return;
    this.#shown = shown;
    const { row, readBy } = shown;
    const { message, entry, opensGroup } = row;
    this.message = message;
    const isOwn = message.author_id === this.#accountId;
    this.element.className = 'message';
    this.element.classList.toggle('is-own', isOwn);
    this.element.classList.toggle('opens-group', opensGroup);
    this.element.classList.toggle('is-pending', entry?.state === 'pending');
    this.element.classList.toggle('is-failed', entry?.state === 'failed');
    mark(this.element, 'data-message-id', entry ? null : message.message_id);
    const toolbar = this.element.querySelector(':scope > .message-actions');
    const focused = this.element.contains(document.activeElement) ? document.activeElement : null;
    const name = this.#people.nameOf(message.author_id) ?? words.somebody;
    // What plays, or is being sent, stays where it is.
    arrange(
      this.#body,
      opensGroup && this.#byline(message, isOwn ? words.you : name, isOwn),
      hasBubble(message) && this.#bubble(shown),
      this.#files(row),
      message.reactions.length > 0 && this.#reactions(message),
      entry && this.#delivery(shown),
      this.#unsaved.element,
      readBy && build('p', { class: 'read-by' }, readBy),
    );
    const side = opensGroup && !isOwn ? avatar(message.author_id, name) : build('span', { class: 'avatar-space' });
    arrange(this.element, side, this.#body, toolbar);
    if (focused instanceof HTMLElement && focused !== this.element) {
      (focused.isConnected ? focused : (this.#successor(focused) ?? this.element)).focus({ preventScroll: true });
    }
    mark(this.element, 'aria-label', `${isOwn ? words.you : name}, ${clockTime(message.sent_at)}: ${spokenOf(message)}`.slice(0, 400));
  }

  /**
   * The button that was drawn anew in the place of this one.
   *
   * @param {HTMLElement} gone
   */
  #successor({ dataset: { emoji, quoted } }) {
    const buttons = [...this.element.querySelectorAll('button')].filter(({ dataset }) => dataset.emoji || dataset.quoted);
    return buttons.find(({ dataset }) => dataset.emoji === emoji && dataset.quoted === quoted);
  }

  /**
   * @param {Message} message
   * @param {string} name
   * @param {boolean} isOwn
   */
  #byline(message, name, isOwn) {
    const person = this.#people.find(message.author_id);
    const side = isOwn || !person ? null : person.kind === 'customer' ? person.customer_name : words.kinds[person.kind];
    return build(
      'p',
      { class: 'byline' },
      build('span', { class: 'author', dir: 'auto' }, name),
      side && build('span', { class: 'side', dir: 'auto' }, side),
      build('time', { datetime: message.sent_at, title: wholeDate(message.sent_at) }, clockTime(message.sent_at)),
    );
  }

  /** @param {Row} row */
  #files({ message, entry }) {
    if (entry?.fields.uploads) {
      this.#pendingFiles ??= new PendingFiles(this.#uploads, (uploadId) => this.#removeFile(uploadId));
      this.#pendingFiles.show(entry);
      return this.#pendingFiles.element;
    }
    this.#pendingFiles = null;
    if (message.files.length === 0) return null;
    this.#attachments ??= new AttachmentList(this.#uploads.thumbnails);
    this.#attachments.show(message.files);
    return this.#attachments.element;
  }

  /** @param {string} uploadId */
  #removeFile(uploadId) {
    const detail = { clientCommandId: this.message?.client_command_id, uploadId };
    this.element.dispatchEvent(new CustomEvent('remove-file', { bubbles: true, detail }));
  }

  /** @param {ShownMessage} shown */
  #bubble({ row: { message }, quoted }) {
    const bubble = build('div', { class: 'bubble' });
    bubble.title = wholeDate(message.sent_at);
    if (message.deleted_at) {
      const byOther = message.deleted_by && message.deleted_by !== message.author_id;
      bubble.classList.add('is-deleted');
      fill(bubble, byOther ? words.messages.deletedByOther : words.messages.deleted);
      return bubble;
    }
    const names = message.mentions.flatMap((id) => this.#people.nameOf(id) ?? []);
    fill(
      bubble,
      message.reply_to && this.#quote(message.reply_to, quoted),
      message.text && build('div', { class: 'text', dir: 'auto' }, ...messageText(message.text, names, this.#people.nameOf(this.#accountId))),
      message.edited_at &&
        build('span', { class: 'edited', title: words.messages.editedAt(wholeDate(message.edited_at)) }, words.messages.edited),
    );
    return bubble;
  }

  /**
   * @param {string} messageId
   * @param {Message|null} quoted
   */
  #quote(messageId, quoted) {
    const author = quoted && (this.#people.nameOf(quoted.author_id) ?? words.somebody);
    const text = quoted ? summaryOf(quoted) : words.messages.quoteUnknown;
    const lead = build('span', { class: 'unseen' }, `${words.messages.inReplyTo} `);
    const jump = build('button', { type: 'button', class: 'quote', 'data-quoted': messageId }, lead);
    if (author) jump.append(build('span', { class: 'quote-author', dir: 'auto' }, author));
    jump.append(build('span', { class: 'quote-text', dir: 'auto' }, text.slice(0, 300)));
    return jump;
  }

  /** @param {Message} message */
  #reactions({ reactions }) {
    const chips = reactions.map(({ emoji, account_ids: ids }) => {
      const names = ids.map((id) => (id === this.#accountId ? words.you : (this.#people.nameOf(id) ?? words.somebody)));
      const label = `${emoji} ${words.messages.by(names)}`;
      return build(
        'button',
        {
          type: 'button',
          class: 'reaction',
          'data-emoji': emoji,
          'aria-pressed': String(ids.includes(this.#accountId)),
          title: label,
        },
        build('span', { class: 'emoji' }, emoji),
        String(ids.length),
        build('span', { class: 'unseen' }, ` ${words.messages.by(names)}`),
      );
    });
    return build('div', { class: 'reactions' }, ...chips);
  }

  /** @param {ShownMessage} shown */
  #delivery({ row: { entry }, delivery, waitsForOthers }) {
    if (!entry) return null;
    const { client_command_id: id, error } = entry;
    const isFailed = entry.state === 'failed';
    const problem = isFailed && `${words.messages.failed} ${error ? sentenceForCode(error.code, error.params) : ''}`;
    return build(
      'p',
      { class: 'delivery' },
      problem ? build('span', { class: 'problem' }, problem) : delivery,
      waitsForOthers && deed('ahead', id, words.files.sendAhead),
      isFailed && deed('retry', id, words.messages.retry),
      (isFailed || entry.fields.uploads) && deed('discard', id, words.messages.discard),
    );
  }
}

/** @param {Message} message */
function hasBubble({ text, reply_to, deleted_at }) {
  return Boolean(text || reply_to || deleted_at);
}

/**
 * @param {'ahead'|'retry'|'discard'} kind
 * @param {string} clientCommandId
 * @param {string} text
 */
function deed(kind, clientCommandId, text) {
  return build('button', { type: 'button', class: 'link', [`data-${kind}`]: clientCommandId }, text);
}

/**
 * @param {ShownMessage} one
 * @param {ShownMessage} other
 */
function isSame(one, other) {
  return (
    (one.row.message === other.row.message || one.entryKey !== '') &&
    one.entryKey === other.entryKey &&
    one.row.opensGroup === other.row.opensGroup &&
    one.quoted === other.quoted &&
    one.readBy === other.readBy &&
    one.delivery === other.delivery &&
    one.waitsForOthers === other.waitsForOthers &&
    one.version === other.version
  );
}
