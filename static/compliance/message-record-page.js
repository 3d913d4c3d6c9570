/**
 * What keeps one message, and until when; not what is written in it. Whatever names a message leads here.
 */
import { request } from '../connection/http.js';
import { build, fill } from '../elements/build.js';
import { Drawn } from '../elements/drawn.js';
import { complianceWords } from '../words/english-compliance.js';
import { addresses, door } from './addresses.js';
import { ConsolePage, linkButton, section } from './console-page.js';
import { explanationParts } from './explanation.js';
import { NameBook } from './figures.js';

const LOOK_MS = 30_000;

export class MessageRecordPage extends ConsolePage {
  #explained = build('div', {});
  #after = build('p', { class: 'console-after' });
  #drawn = new Drawn();
  #messageId;

  /** @param {string} messageId */
  constructor(messageId) {
    super(LOOK_MS);
    this.#messageId = messageId;
  }

  /** @override */
  draw() {
    const { message } = complianceWords;
    this.showHead(message.title, message.lead);
    fill(this.#after, build('a', { href: addresses.trail({ subject: this.#messageId }) }, message.trail));
    this.showBody(section(complianceWords.opening.explain, this.#explained), this.#after);
  }

  /** @override */
  async fetch() {
    const { explanation, names } = await request('GET', door(`explanations/${this.#messageId}`));
    if (!this.#drawn.differs(explanation, names)) return;
    const book = new NameBook(names);
    const room = build('a', { href: addresses.room(explanation.room_id), dir: 'auto' }, book.room(explanation.room_id));
    this.showHead(complianceWords.message.title, room, linkButton(addresses.open(explanation.room_id), complianceWords.room.open));
    fill(this.#explained, ...explanationParts(explanation, book));
  }
}

customElements.define('message-record-page', MessageRecordPage);
