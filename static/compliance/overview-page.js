/**
 * Where an officer begins: alarms, releases that wait for a second officer, and the long work that is under way.
 *
 * @import { Alarm, Hold } from './shapes.js'
 */
import { request } from '../connection/http.js';
import { build, fill } from '../elements/build.js';
import { Drawn } from '../elements/drawn.js';
import { complianceWords } from '../words/english-compliance.js';
import { addresses, door } from './addresses.js';
import { ConsolePage, section } from './console-page.js';
import { instantOf, NameBook, scopeInWords } from './figures.js';
import { runLines, simulationLines } from './retention-page.js';

const LOOK_MS = 5_000;
const LATEST = 5;

export class OverviewPage extends ConsolePage {
  #alarms = build('div', {});
  #waiting = build('div', {});
  #work = build('div', {});
  #drawn = new Drawn();
  #ownId;

  /** @param {string} ownId The officer's own account. */
  constructor(ownId) {
    super(LOOK_MS);
    this.#ownId = ownId;
  }

  /** @override */
  draw() {
    const { overview } = complianceWords;
    this.showHead(overview.title, overview.lead);
    this.showBody(
      section(overview.alarms, this.#alarms),
      section(overview.waiting, this.#waiting),
      section(overview.underWay, this.#work),
    );
  }

  /** @override */
  async fetch() {
    const [guard, waiting, { classes }, { simulations, names }, { runs }] = await Promise.all([
      request('GET', door('alarms')),
      request('GET', door('holds', { state: 'release_requested' })),
      request('GET', door('retention/classes')),
      request('GET', door('retention/simulations', { limit: LATEST })),
      request('GET', door('disposition/runs', { limit: LATEST })),
    ]);
    if (!this.#drawn.differs(guard, waiting, classes, simulations, runs)) return;
    fill(this.#alarms, ...alarmParts(guard.alarms, guard.checked_at));
    fill(this.#waiting, this.#waitingLines(waiting.holds, new NameBook(waiting.names)));
    const isIdle = simulations.length + runs.length === 0;
    if (isIdle) fill(this.#work, build('p', { class: 'quiet' }, complianceWords.overview.nothingUnderWay));
    else {
      fill(
        this.#work,
        simulations.length > 0 && simulationLines(simulations, classes, new NameBook(names)),
        runs.length > 0 && build('h3', {}, complianceWords.retention.runs),
        runs.length > 0 && runLines(runs),
      );
    }
  }

  /**
   * @param {Hold[]} holds
   * @param {NameBook} names
   */
  #waitingLines(holds, names) {
    const { overview, hold: said } = complianceWords;
    if (holds.length === 0) return build('p', { class: 'quiet' }, overview.nothingWaits);
    const lines = holds.map((hold) =>
      build(
        'li',
        { class: 'card' },
        build(
          'div',
          { class: 'card-text' },
          build('h3', { class: 'card-title' }, build('a', { href: addresses.hold(hold.hold_id) }, said.title(String(hold.number)))),
          build('p', { dir: 'auto' }, `${hold.matter_name} · ${scopeInWords(hold.scope)}`),
          build(
            'p',
            { class: 'quiet' },
            hold.release?.requested_by === this.#ownId ? overview.own : overview.askedBy(names.person(hold.release?.requested_by ?? null)),
          ),
        ),
      ),
    );
    return build('ul', { class: 'cards' }, ...lines);
  }
}

/**
 * @param {Alarm[]} alarms
 * @param {string|null} checkedAt When the guard was looked at last.
 */
function alarmParts(alarms, checkedAt) {
  const { overview } = complianceWords;
  const isInOrder = alarms.every(({ cleared_at }) => cleared_at);
  const last = checkedAt ? overview.checked(instantOf(checkedAt)) : overview.neverChecked;
  const said = isInOrder && checkedAt ? overview.noAlarm : isInOrder ? '' : overview.alarmLead;
  return [
    build('p', {}, [said, last].filter(Boolean).join(' ')),
    alarms.length > 0 && build('ul', { class: 'cards' }, ...alarms.map(alarmLine)),
  ];
}

/** @param {Alarm} alarm */
function alarmLine({ problem, subject, raised_at, cleared_at }) {
  const { overview } = complianceWords;
  const problems = /** @type {Record<string, string>} */ (overview.problems);
  return build(
    'li',
    { class: cleared_at ? 'card' : 'card alarm' },
    build(
      'div',
      { class: 'card-text' },
      build('h3', { class: 'card-title' }, problems[problem] ?? problem),
      build('p', {}, subject),
      build('p', { class: 'quiet' }, overview.raised(instantOf(raised_at)), cleared_at && ` · ${overview.cleared(instantOf(cleared_at))}`),
    ),
  );
}

customElements.define('overview-page', OverviewPage);
