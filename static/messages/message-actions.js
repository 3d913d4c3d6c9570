/**
 * @import { Message } from '../connection/protocol-shapes.js'
 *
 * @typedef {object} Deed
 * @property {'reply'|'edit'|'delete'|'react'|'label'} kind
 * @property {Message} message
 * @property {string} [emoji]
 */
import { build, fill } from '../elements/build.js';
import { icon } from '../elements/icon.js';
import { words } from '../words/english.js';
import { openReactionPicker } from './reaction-picker.js';

const QUICK = ['👍', '🙏', '🎉'];

/**
 * What can be done with the message one points at or has walked to. There is one such bar in a conversation: it moves,
 * and may be gone by the time a reaction was picked.
 */
export class MessageActions extends HTMLElement {
  /** @type {Message|null} */
  #message = null;
  /** For which message what is offered: made anew, its buttons would lose the focus. */
  #offered = '';
  #act;

  /** @param {(deed: Deed) => void} act */
  constructor(act) {
    super();
    this.#act = act;
  }

  connectedCallback() {
    this.classList.add('message-actions');
    this.setAttribute('role', 'toolbar');
    this.setAttribute('aria-label', words.messages.actions);
  }

  /**
   * @param {HTMLElement} row
   * @param {Message} message
   * @param {{writes: boolean, edits: boolean, deletes: boolean, labels: boolean}} may
   */
  showOn(row, message, may) {
    this.#message = message;
    if (this.parentElement !== row) row.append(this);
    const offered = JSON.stringify([message.message_id, may]);
    if (offered === this.#offered) return;
    this.#offered = offered;
    fill(
      this,
      ...(may.writes ? QUICK.map((emoji) => this.#reaction(emoji)) : []),
      may.writes && this.#button('react', words.messages.more, () => this.#pick()),
      may.writes && this.#button('reply', words.messages.reply, () => this.#say('reply')),
      may.edits && this.#button('edit', words.messages.edit, () => this.#say('edit')),
      may.labels && this.#button('label', words.labels.set, () => this.#say('label')),
      may.deletes && this.#button('delete', words.messages.delete, () => this.#say('delete')),
    );
    this.hidden = this.childElementCount === 0;
  }

  hide() {
    this.#message = null;
    this.remove();
  }

  /** @param {string} emoji */
  #reaction(emoji) {
    const label = `${words.messages.react} ${emoji}`;
    const button = build('button', { type: 'button', class: 'action emoji', 'aria-label': label, title: label }, emoji);
    button.addEventListener('click', () => this.#say('react', emoji));
    return button;
  }

  /**
   * @param {string} drawing
   * @param {string} label
   * @param {() => void} act
   */
  #button(drawing, label, act) {
    const button = build('button', { type: 'button', class: 'action', 'aria-label': label, title: label }, icon(drawing));
    button.addEventListener('click', act);
    return button;
  }

  #pick() {
    const message = this.#message;
    openReactionPicker((emoji) => this.#say('react', emoji, message));
  }

  /**
   * @param {Deed['kind']} kind
   * @param {string} [emoji]
   * @param {Message|null} [message]
   */
  #say(kind, emoji, message = this.#message) {
    if (message) this.#act({ kind, message, emoji });
  }
}

customElements.define('message-actions', MessageActions);
