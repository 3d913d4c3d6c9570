/**
 * One matter: its holds, each with what it covers now.
 *
 * @import { Coverage, Hold, Matter } from './shapes.js'
 */
import { request } from '../connection/http.js';
import { build, fill } from '../elements/build.js';
import { ask } from '../elements/dialogs.js';
import { Drawn } from '../elements/drawn.js';
import { KeyedList } from '../elements/keyed-list.js';
import { complianceWords } from '../words/english-compliance.js';
import { addresses, door } from './addresses.js';
import { blank, ConsolePage, linkButton } from './console-page.js';
import { instantOf, NameBook, NO_NAMES } from './figures.js';
import { HoldCard } from './hold-card.js';
import { reasonField } from './reason-field.js';

const LOOK_MS = 10_000;

export class MatterPage extends ConsolePage {
  #list = build('ul', { class: 'cards' });
  #about = build('p', { class: 'quiet' });
  #after = build('p', { class: 'console-after' });
  #empty = blank(complianceWords.matter.empty, complianceWords.matter.emptyLead);
  #names = NO_NAMES;
  /** @type {KeyedList<{hold: Hold, covers?: Coverage}>} */
  #cards = new KeyedList(
    this.#list,
    ({ hold }) => hold.hold_id,
    () => new HoldCard(() => this.#names),
  );
  #drawn = new Drawn();
  #matterId;

  /** @param {string} matterId */
  constructor(matterId) {
    super(LOOK_MS);
    this.#matterId = matterId;
  }

  /** @override */
  draw() {
    this.#empty.hidden = true;
    fill(this.#after, build('a', { href: addresses.trail({ subject: this.#matterId }) }, complianceWords.matter.trail));
    this.showBody(this.#about, this.#list, this.#empty, this.#after);
  }

  /** @override */
  async fetch() {
    const { matter, holds, names } = await request('GET', door(`matters/${this.#matterId}`));
    this.#names = new NameBook(names);
    this.#showMatter(matter);
    this.#cards.show(holds.map((/** @type {Hold} */ hold) => ({ hold })));
    this.#empty.hidden = holds.length > 0;
    await this.#count(holds);
  }

  /**
   * Counting takes the longer the more there is: one after the other, each shown as it comes.
   *
   * @param {Hold[]} holds
   */
  async #count(holds) {
    /** @type {{hold: Hold, covers?: Coverage}[]} */
    const counted = holds.map((hold) => ({ hold }));
    for (const [at, { hold_id: holdId, state }] of holds.entries()) {
      if (!this.isConnected) return;
      if (state === 'ended') continue;
      counted[at] = await request('GET', door(`holds/${holdId}`));
      this.#cards.show(counted);
    }
  }

  /** @param {Matter} matter */
  #showMatter(matter) {
    if (!this.#drawn.differs(matter)) return;
    const { matter: said, matters } = complianceWords;
    const stands = matter.standing_holds + matter.holds_in_grace > 0;
    const close = build('button', { type: 'button', class: 'button', onclick: () => this.#askClose() }, said.close);
    const isOpen = !matter.closed_at;
    this.showHead(
      matter.name,
      matter.closed_at ? `${said.lead} · ${matters.closed}` : said.lead,
      isOpen && !stands && close,
      isOpen && linkButton(addresses.place(this.#matterId), said.place, true),
    );
    const opened = matters.openedBy(this.#names.person(matter.opened_by), instantOf(matter.opened_at));
    fill(this.#about, [opened, matter.reason].filter(Boolean).join(': '));
  }

  #askClose() {
    ask({
      title: complianceWords.matter.closeTitle,
      lead: complianceWords.matter.closeLead,
      fields: [reasonField()],
      submit: complianceWords.matter.close,
      act: async (answers) => {
        await request('POST', door(`matters/${this.#matterId}/close`), { reason: String(answers.get('reason')).trim() });
        await this.look();
      },
    });
  }
}

customElements.define('matter-page', MatterPage);
