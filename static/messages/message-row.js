/**
 * @import { Message } from '../connection/protocol-shapes.js'
 * @import { PeopleDirectory } from '../accounts/people-directory.js'
 * @import { MessageRow as Row } from './message-rows.js'
 * @import { UnsavedChange } from './unsaved-changes.js'
 *
 * @typedef {object} ShownMessage
 * @property {Row} row
 * @property {Message|null} quoted What it answers, where that is known.
 * @property {string} readBy Words on who has read up to here; empty for nobody.
 * @property {boolean} waits Whether it cannot leave, because there is no line.
 * @property {UnsavedChange[]} unsaved What was done with it and has not arrived.
 * @property {number} version Changes when names changed.
 */
import { avatar } from '../elements/avatar.js';
import { build, fill, mark } from '../elements/build.js';
import { clockTime, wholeDate } from '../words/dates.js';
import { words } from '../words/english.js';
import { sentenceForCode } from '../words/sentences.js';
import { messageText } from './message-text.js';
import { UnsavedLines } from './unsaved-lines.js';

/** A message as it is drawn: made once, drawn again only where something of it changed. */
export class MessageRow {
  element = build('li', { class: 'message', tabindex: -1 });
  /** @type {Message|null} */
  message = null;
  /** @type {ShownMessage|null} */
  #shown = null;
  #unsaved = new UnsavedLines();
  #people;
  #accountId;

  /**
   * @param {PeopleDirectory} people
   * @param {string} accountId Whose eyes these are.
   */
  constructor(people, accountId) {
    this.#people = people;
    this.#accountId = accountId;
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
    fill(
      this.element,
      opensGroup && !isOwn ? avatar(message.author_id, name) : build('span', { class: 'avatar-space' }),
      build(
        'div',
        { class: 'message-body' },
        opensGroup && this.#byline(message, isOwn ? words.you : name, isOwn),
        this.#bubble(shown),
        message.reactions.length > 0 && this.#reactions(message),
        entry && this.#delivery(entry, shown.waits),
        this.#unsaved.element,
        readBy && build('p', { class: 'read-by' }, readBy),
      ),
      toolbar,
    );
    if (focused instanceof HTMLElement && focused !== this.element) {
      (focused.isConnected ? focused : (this.#successor(focused) ?? this.element)).focus({ preventScroll: true });
    }
    const spoken = message.deleted_at ? words.messages.deleted : message.text;
    mark(this.element, 'aria-label', `${isOwn ? words.you : name}, ${clockTime(message.sent_at)}: ${spoken}`.slice(0, 400));
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
      build('div', { class: 'text', dir: 'auto' }, ...messageText(message.text, names, this.#people.nameOf(this.#accountId))),
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
    const text = quoted?.deleted_at ? words.messages.deleted : (quoted?.text ?? words.messages.quoteUnknown);
    const lead = build('span', { class: 'unseen' }, `${words.messages.inReplyTo} `);
    const jump = build('button', { type: 'button', class: 'quote', tabindex: -1, 'data-quoted': messageId }, lead);
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
          tabindex: -1,
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

  /**
   * @param {NonNullable<Row['entry']>} entry
   * @param {boolean} waits
   */
  #delivery({ client_command_id: id, state, error }, waits) {
    if (state === 'pending') return build('p', { class: 'delivery' }, waits ? words.messages.waiting : words.messages.sending);
    const problem = error ? sentenceForCode(error.code, error.params) : '';
    return build(
      'p',
      { class: 'delivery' },
      build('span', { class: 'problem' }, `${words.messages.failed} ${problem}`),
      build('button', { type: 'button', class: 'link', 'data-retry': id }, words.messages.retry),
      build('button', { type: 'button', class: 'link', 'data-discard': id }, words.messages.discard),
    );
  }
}

/**
 * @param {ShownMessage} one
 * @param {ShownMessage} other
 */
function isSame(one, other) {
  return (
    one.row.message === other.row.message &&
    one.row.opensGroup === other.row.opensGroup &&
    one.row.entry?.state === other.row.entry?.state &&
    one.quoted === other.quoted &&
    one.readBy === other.readBy &&
    one.waits === other.waits &&
    one.version === other.version
  );
}
