/**
 * Retention: the classes, the defaults, the simulations that were asked for, and the runs of disposition.
 *
 * @import { DispositionRun, RetentionClass, Simulation } from './shapes.js'
 */
import { request } from '../connection/http.js';
import { build, fill } from '../elements/build.js';
import { Drawn } from '../elements/drawn.js';
import { words } from '../words/english.js';
import { complianceWords } from '../words/english-compliance.js';
import { addresses, door } from './addresses.js';
import { changeInWords } from './change-words.js';
import { ConsolePage, linkButton, section } from './console-page.js';
import { byteSize, instantOf, NameBook, number } from './figures.js';

const LOOK_MS = 5_000;
const ROOM_KINDS = /** @type {const} */ (['private', 'shared']);

export class RetentionPage extends ConsolePage {
  #classes = build('div', {});
  #defaults = build('ul', { class: 'lines' });
  #simulations = build('div', {});
  #runs = build('div', {});
  #drawn = new Drawn();

  constructor() {
    super(LOOK_MS);
  }

  /** @override */
  draw() {
    const { retention } = complianceWords;
    this.showHead(retention.title, retention.lead, linkButton(addresses.change('new_class'), retention.create, true));
    this.showBody(
      section(retention.classes, this.#classes),
      section(retention.defaults, build('p', { class: 'quiet' }, retention.defaultsLead), this.#defaults),
      section(retention.simulations, this.#simulations),
      section(retention.runs, this.#runs),
    );
  }

  /** @override */
  async fetch() {
    const [{ classes }, { simulations, names }, { runs }] = await Promise.all([
      request('GET', door('retention/classes')),
      request('GET', door('retention/simulations')),
      request('GET', door('disposition/runs')),
    ]);
    if (!this.#drawn.differs(classes, simulations, names, runs)) return;
    this.#showClasses(classes);
    fill(this.#simulations, simulationLines(simulations, classes, new NameBook(names)));
    fill(this.#runs, runLines(runs));
  }

  /** @param {RetentionClass[]} classes */
  #showClasses(classes) {
    const { retention } = complianceWords;
    const there = classes.filter(({ removed_at }) => !removed_at);
    if (there.length === 0) fill(this.#classes, build('p', { class: 'quiet' }, retention.empty));
    else fill(this.#classes, build('ul', { class: 'cards' }, ...there.map(classCard)));
    const lines = ROOM_KINDS.map((kind) => {
      const chosen = classes.find(({ default_for }) => default_for.includes(kind));
      return build(
        'li',
        { class: 'default-line' },
        build('span', {}, words.roomKinds[kind]),
        build('strong', { dir: 'auto' }, chosen?.name ?? complianceWords.room.noClass),
        build(
          'a',
          { class: 'button small', href: addresses.change('assign_default', kind), 'aria-label': retention.changeOf(retention.choose, words.roomKinds[kind]) },
          retention.choose,
        ),
      );
    });
    fill(this.#defaults, ...lines);
  }
}

/** @param {RetentionClass} kept */
function classCard(kept) {
  const { retention } = complianceWords;
  const rule = [
    kept.keep_days === null ? retention.keepOpen : retention.keep(kept.keep_days),
    kept.destroy_days === null ? retention.destroyOpen : retention.destroy(kept.destroy_days),
    retention.countedFrom[kept.counted_from],
  ].join(' · ');
  const isUsed = kept.rooms + kept.labels + kept.default_for.length > 0;
  const link = (/** @type {string} */ kind, /** @type {string} */ label) =>
    build('a', { class: 'button small', href: addresses.change(kind, kept.class_id), 'aria-label': retention.changeOf(label, kept.name) }, label);
  return build(
    'li',
    { class: 'card' },
    build(
      'div',
      { class: 'card-text' },
      build('h3', { class: 'card-title', dir: 'auto' }, kept.name, ' ', kept.locked_at && build('span', { class: 'badge' }, retention.locked)),
      build('p', {}, rule),
      build('p', { class: 'quiet' }, retention.removed(kept.removed_days)),
      build(
        'p',
        { class: 'quiet' },
        [retention.usedBy(kept.rooms, kept.labels), ...kept.default_for.map((kind) => retention.isDefault(words.roomKinds[kind]))].join(' · '),
      ),
    ),
    build(
      'div',
      { class: 'card-actions' },
      link('change_class', retention.change),
      !kept.locked_at && link('lock_class', retention.lock),
      !isUsed && !kept.locked_at && link('remove_class', retention.remove),
    ),
  );
}

/**
 * @param {Simulation[]} simulations
 * @param {RetentionClass[]} classes
 * @param {NameBook} names
 */
export function simulationLines(simulations, classes, names) {
  const { simulation: said, retention } = complianceWords;
  if (simulations.length === 0) return build('p', { class: 'quiet' }, retention.noSimulations);
  const lines = simulations.map((simulation) =>
    build(
      'li',
      { class: 'work-line' },
      build('a', { href: addresses.simulation(simulation.simulation_id), dir: 'auto' }, changeInWords(simulation.change, classes, names)),
      build('span', { class: `badge work-${simulation.state}` }, said.states[simulation.state]),
      build('span', { class: 'quiet' }, said.asked(names.person(simulation.asked_by), instantOf(simulation.begun_at))),
    ),
  );
  return build('ul', { class: 'lines' }, ...lines);
}

/** @param {DispositionRun[]} runs */
export function runLines(runs) {
  const { retention } = complianceWords;
  if (runs.length === 0) return build('p', { class: 'quiet' }, retention.noRuns);
  const lines = runs.map(({ began_at, ended_at, messages, files, bytes }) => {
    const state = ended_at ? 'done' : 'running';
    return build(
      'li',
      { class: 'work-line' },
      build('span', {}, instantOf(began_at)),
      build('span', { class: `badge work-${state}` }, retention.runStates[state]),
      build('span', { class: 'quiet' }, retention.runDestroyed(number(messages), number(files), byteSize(bytes))),
    );
  });
  return build('ul', { class: 'lines' }, ...lines);
}

customElements.define('retention-page', RetentionPage);
