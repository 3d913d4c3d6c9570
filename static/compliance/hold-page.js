/**
 * One hold: what it covers now, growing as it grows; its scope; what was done to it, by whom and why; and what can be done.
 *
 * @import { Coverage, Hold, HoldAct, HoldState } from './shapes.js'
 */
import { request } from '../connection/http.js';
import { build, fill, say } from '../elements/build.js';
import { ask } from '../elements/dialogs.js';
import { Drawn } from '../elements/drawn.js';
import { clockTime } from '../words/dates.js';
import { complianceWords } from '../words/english-compliance.js';
import { addresses, door } from './addresses.js';
import { actInWords } from './audit-words.js';
import { ConsolePage, facts, linkButton, section } from './console-page.js';
import { CoverageFigures } from './coverage-figures.js';
import { NameBook, NO_NAMES, instantOf, spanInWords, timeElement } from './figures.js';
import { stateBadge, stateInWords } from './hold-card.js';
import { reasonField } from './reason-field.js';

const LOOK_MS = 3_000;

export class HoldPage extends ConsolePage {
  #figures = new CoverageFigures(true);
  #asOf = build('p', { class: 'quiet' });
  #covers = section(complianceWords.hold.covers, this.#figures.element, this.#asOf);
  #state = build('p', { class: 'hold-state' });
  #scope = build('div', {});
  #facts = build('div', {});
  #history = build('ol', { class: 'history' });
  #names = NO_NAMES;
  #drawn = new Drawn();
  #holdId;
  #ownId;

  /**
   * @param {string} holdId
   * @param {string} ownId The officer's own account.
   */
  constructor(holdId, ownId) {
    super(LOOK_MS);
    this.#holdId = holdId;
    this.#ownId = ownId;
  }

  /** @override */
  draw() {
    const { hold } = complianceWords;
    this.#figures.show(null);
    this.showBody(
      this.#state,
      this.#covers,
      section(hold.scope, this.#scope),
      section(hold.facts, this.#facts),
      section(hold.history, this.#history),
      build('p', { class: 'console-after' }, build('a', { href: addresses.trail({ subject: this.#holdId }) }, hold.trail)),
    );
  }

  /** @override */
  async fetch() {
    const { hold, covers, acts, needs_two: needsTwo, names } = await request('GET', door(`holds/${this.#holdId}`));
    this.#showCoverage(covers, hold.state);
    if (!this.#drawn.differs(hold, acts, needsTwo)) return;
    this.#names = new NameBook(names);
    this.#show(hold, acts, needsTwo);
  }

  /**
   * @param {Coverage} covers
   * @param {HoldState} state
   */
  #showCoverage(covers, state) {
    const { asOf, now } = complianceWords;
    this.#covers.hidden = state === 'ended';
    this.#figures.show(covers);
    say(this.#asOf, `${asOf(clockTime(new Date().toISOString()))}. ${now}`);
  }

  /**
   * @param {Hold} hold
   * @param {HoldAct[]} acts
   * @param {boolean} needsTwo Whether a second officer has to confirm a release.
   */
  #show(hold, acts, needsTwo) {
    const matter = build('a', { href: addresses.matter(hold.matter_id), dir: 'auto' }, hold.matter_name);
    this.showHead(complianceWords.hold.title(String(hold.number)), matter, ...this.#actions(hold, needsTwo));
    fill(this.#state, stateBadge(hold), ' ', stateInWords(hold));
    fill(this.#scope, ...this.#drawScope(hold));
    fill(this.#facts, this.#drawFacts(hold));
    fill(this.#history, ...acts.map((act) => this.#drawAct(act)));
  }

  /** @param {Hold} hold */
  #drawScope({ scope }) {
    const { hold } = complianceWords;
    const rooms = scope.rooms.map((id) => build('li', {}, build('a', { href: addresses.room(id), dir: 'auto' }, this.#names.room(id))));
    const people = scope.custodians.map(({ account_id, covers }) =>
      build('li', {}, build('span', { dir: 'auto' }, this.#names.personLong(account_id)), build('span', { class: 'quiet' }, ` · ${hold.everythingOf[covers]}`)),
    );
    return [
      rooms.length > 0 && build('h3', {}, hold.rooms),
      rooms.length > 0 && build('ul', { class: 'lines' }, ...rooms),
      people.length > 0 && build('h3', {}, hold.custodians),
      people.length > 0 && build('ul', { class: 'lines' }, ...people),
    ];
  }

  /** @param {Hold} hold */
  #drawFacts(hold) {
    const { hold: said, byAndAt } = complianceWords;
    const kinds = hold.scope.kinds.length > 1 ? said.bothKinds : hold.scope.kinds.map((kind) => said.kindNames[kind]).join();
    return facts(
      [said.matter, build('a', { href: addresses.matter(hold.matter_id), dir: 'auto' }, hold.matter_name)],
      [said.placed, byAndAt(this.#names.person(hold.placed_by), instantOf(hold.placed_at))],
      [said.span, spanInWords(hold.scope)],
      [said.kinds, kinds],
    );
  }

  /** @param {HoldAct} act */
  #drawAct({ act, by, at, reason }) {
    const { audit } = complianceWords;
    return build(
      'li',
      {},
      build('p', {}, build('strong', {}, actInWords(act)), ` · ${by ? this.#names.person(by) : audit.system} · `, timeElement(at)),
      build('p', { class: reason === null ? 'quiet' : '', dir: 'auto' }, reason ?? audit.erased),
    );
  }

  /**
   * @param {Hold} hold
   * @param {boolean} needsTwo
   */
  #actions(hold, needsTwo) {
    const { hold: said } = complianceWords;
    const act = (/** @type {string} */ label, /** @type {() => void} */ onclick, kind = 'button') =>
      build('button', { type: 'button', class: kind, onclick }, label);
    if (hold.state === 'standing') {
      const lead = needsTwo ? said.releaseLead : said.releaseLeadAlone;
      return [
        linkButton(addresses.widen(hold.hold_id), said.amend),
        act(said.release, () => this.#ask('release', said.releaseTitle, lead, said.release), 'button grave'),
      ];
    }
    if (hold.state !== 'release_requested') return [];
    const withdraw = act(said.withdraw, () => this.#ask('release/withdraw', said.withdrawTitle, '', said.withdraw));
    if (needsTwo && hold.release?.requested_by === this.#ownId) return [build('p', { class: 'quiet own-request' }, said.ownRequest), withdraw];
    return [withdraw, act(said.confirm, () => this.#ask('release/confirm', said.confirmTitle, said.confirmLead, said.confirm), 'button grave')];
  }

  /**
   * @param {string} deed
   * @param {string} title
   * @param {string} lead
   * @param {string} submit
   */
  #ask(deed, title, lead, submit) {
    ask({
      title,
      lead,
      fields: [reasonField()],
      submit,
      isGrave: deed !== 'release/withdraw',
      act: async (answers) => {
        await request('POST', door(`holds/${this.#holdId}/${deed}`), { reason: String(answers.get('reason')).trim() });
        await this.look();
      },
    });
  }
}

customElements.define('hold-page', HoldPage);
