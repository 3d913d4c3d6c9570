/**
 * One hold in a list: its state, its scope in words, what it covers now.
 *
 * @import { Coverage, Hold } from './shapes.js'
 */
import { build, fill } from '../elements/build.js';
import { Drawn } from '../elements/drawn.js';
import { complianceWords } from '../words/english-compliance.js';
import { addresses } from './addresses.js';
import { CoverageFigures } from './coverage-figures.js';
import { dayOf, instantOf, scopeInWords } from './figures.js';

/** @import { NameBook } from './figures.js' */

export class HoldCard {
  #text = build('div', { class: 'card-text' });
  #figures = new CoverageFigures(true);
  #drawn = new Drawn();
  element = build('li', { class: 'card hold-card' }, this.#text, this.#figures.element);
  #names;

  /** @param {() => NameBook} names */
  constructor(names) {
    this.#names = names;
    this.#figures.show(null);
  }

  /** @param {{hold: Hold, covers?: Coverage}} shown Where it is not said what the hold covers, what was shown stays. */
  update({ hold, covers }) {
    if (covers) this.#figures.show(covers);
    if (!this.#drawn.differs(hold)) return;
    const { hold: said, byAndAt } = complianceWords;
    const title = said.title(String(hold.number));
    fill(
      this.#text,
      build('h3', { class: 'card-title' }, build('a', { href: addresses.hold(hold.hold_id) }, title), ' ', stateBadge(hold)),
      build('p', {}, scopeInWords(hold.scope)),
      build('p', { class: 'quiet' }, `${said.placed}: ${byAndAt(this.#names().person(hold.placed_by), instantOf(hold.placed_at))}`),
    );
    this.#figures.element.hidden = hold.state === 'ended';
  }
}

/** @param {Hold} hold */
export function stateBadge({ state }) {
  return build('span', { class: `badge hold-${state}` }, complianceWords.hold.states[state]);
}

/** @param {Hold} hold */
export function stateInWords({ state, release }) {
  const { statesLong } = complianceWords.hold;
  return state === 'grace' ? statesLong.grace(dayOf(release?.kept_until ?? '')) : statesLong[state];
}
