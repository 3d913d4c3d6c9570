/**
 * @import { Workroom } from '../workroom.js'
 * @import { Conversation } from './conversation.js'
 */
import { build, fill } from '../elements/build.js';
import { Listening } from '../elements/listening.js';
import { words } from '../words/english.js';
import { unsavedByMessage } from './unsaved-changes.js';
import { UnsavedLines } from './unsaved-lines.js';

/** What is unsaved about messages that are not held here, above the composer: on a row of its own nobody would see it. */
export class UnsavedElsewhere extends HTMLElement {
  #listening = new Listening();
  #lines = new UnsavedLines();
  #workroom;
  #conversation;

  /**
   * @param {Workroom} workroom
   * @param {Conversation} conversation
   */
  constructor(workroom, conversation) {
    super();
    this.#workroom = workroom;
    this.#conversation = conversation;
  }

  connectedCallback() {
    fill(this, build('p', { class: 'unsaved-title' }, words.messages.unsaved.elsewhere), this.#lines.element);
    this.#listening.to(this.#conversation, 'change', () => this.#draw());
    this.#listening.to(this.#workroom, 'phase', () => this.#draw());
    this.#listening.to(this, 'click', (event) => this.#clicked(event.target));
    this.#draw();
  }

  disconnectedCallback() {
    this.#listening.end();
  }

  #draw() {
    const { changes, state } = this.#conversation;
    const unsaved = unsavedByMessage(changes, this.#workroom.connection.phase === 'open');
    for (const { message_id: held } of state.messages) unsaved.delete(held);
    // Before the room was fetched nobody knows what is held.
    this.hidden = unsaved.size === 0 || state.seq === 0;
    this.#lines.show(this.hidden ? [] : [...unsaved.values()].flat());
  }

  /** @param {EventTarget|null} target */
  #clicked(target) {
    const { retry, discard } = (target instanceof Element && target.closest('button')?.dataset) || {};
    if (retry) this.#workroom.outbox.retry(retry);
    if (discard) this.#workroom.outbox.discard(discard);
  }
}

customElements.define('unsaved-elsewhere', UnsavedElsewhere);
