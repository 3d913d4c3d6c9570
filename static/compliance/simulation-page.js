/**
 * A simulation: its progress, and when it is ready the picture of what goes, what stays and why. From here, and only with
 * the fingerprint of exactly this outcome, the change is applied.
 *
 * @import { Amount, Picture, Simulation } from './shapes.js'
 */
import { request } from '../connection/http.js';
import { build, fill, say } from '../elements/build.js';
import { ask } from '../elements/dialogs.js';
import { Drawn } from '../elements/drawn.js';
import { complianceWords } from '../words/english-compliance.js';
import { addresses, door } from './addresses.js';
import { changeInWords } from './change-words.js';
import { ConsolePage, linkButton, section } from './console-page.js';
import { byteSize, instantOf, NameBook, number, timeElement } from './figures.js';
import { histogram } from './histogram.js';
import { reasonField } from './reason-field.js';

const LOOK_MS = 1_000;
const LONGEST_SECONDS = 1_800;

export class SimulationPage extends ConsolePage {
  #progress = build('p', { class: 'progress', role: 'status' });
  #outcome = build('p', { class: 'outcome', role: 'status', tabindex: -1 });
  #picture = build('div', {});
  #drawn = new Drawn();
  #isDone = false;
  #simulationId;

  /** @param {string} simulationId */
  constructor(simulationId) {
    super(LOOK_MS);
    this.#simulationId = simulationId;
  }

  /** @override */
  draw() {
    this.showBody(this.#outcome, this.#progress, this.#picture);
  }

  /** @override */
  async fetch() {
    const [{ simulation, names }, { classes }] = await Promise.all([
      request('GET', door(`retention/simulations/${this.#simulationId}`)),
      request('GET', door('retention/classes')),
    ]);
    const book = new NameBook(names);
    this.#isDone = simulation.state !== 'running';
    if (this.#isDone) this.settle();
    this.#showProgress(simulation);
    const title = changeInWords(simulation.change, classes, book);
    if (!this.#drawn.differs(simulation, title)) return;
    this.#showHead(simulation, title, book);
    if (simulation.picture) fill(this.#picture, ...pictureParts(simulation, simulation.picture, book));
  }

  /** @param {Simulation} simulation */
  #showProgress({ state, begun_at: begunAt }) {
    const { simulation: said } = complianceWords;
    const seconds = Math.max(0, Math.round((Date.now() - Date.parse(begunAt)) / 1000));
    this.#progress.hidden = state === 'done';
    // Where the process ended on the way, it is running until the worker's next round says that it failed.
    const isLost = state === 'failed' || seconds > LONGEST_SECONDS;
    say(this.#progress, isLost ? said.failed : `${said.running} ${said.runningFor(seconds)}.`);
  }

  /**
   * @param {Simulation} simulation
   * @param {string} title
   * @param {NameBook} names
   */
  #showHead(simulation, title, names) {
    const { simulation: said } = complianceWords;
    const { kind, class_id: classId, room_id: roomId, room_kind: roomKind } = simulation.change;
    const again = linkButton(addresses.change(kind, roomId ?? roomKind ?? classId ?? ''), said.again);
    const apply = build('button', { type: 'button', class: 'button primary', onclick: () => this.#askApply(simulation) }, said.apply);
    const asked = said.asked(names.person(simulation.asked_by), instantOf(simulation.begun_at));
    this.showHead(title, `${said.title} · ${asked}`, this.#isDone && again, simulation.state === 'done' && !simulation.applied_at && apply);
    if (simulation.applied_at) say(this.#outcome, said.appliedAt(instantOf(simulation.applied_at)));
  }

  /** @param {Simulation} simulation */
  #askApply({ change, fingerprint }) {
    const { simulation: said } = complianceWords;
    ask({
      title: said.applyTitle,
      lead: said.applyLead,
      fields: [reasonField()],
      submit: said.apply,
      act: async (answers, dialog) => {
        const reason = String(answers.get('reason')).trim();
        await request('POST', door('retention/changes'), { change, fingerprint, reason });
        await this.look();
        // The button that had the focus is gone.
        dialog.close();
        this.#outcome.focus();
      },
    });
  }
}

/**
 * @param {Simulation} simulation
 * @param {Picture} picture
 * @param {NameBook} names
 */
function pictureParts(simulation, picture, names) {
  const { simulation: said } = complianceWords;
  const { columns } = said;
  const parts = [
    { name: 'goes', label: columns.goes },
    { name: 'kept_by_holds', label: columns.held },
    { name: 'kept_by_labels', label: columns.labels },
    { name: 'kept_by_classes', label: columns.keeps },
    { name: 'stays', label: columns.stays },
  ];
  return [
    build('p', { class: 'quiet' }, said.asOf(instantOf(simulation.instant))),
    section(
      said.goes,
      ...goesLines(picture),
      build('p', { class: 'quiet' }, isNothing(picture.goes_now) ? said.goesNowNothing : said.goesNow(amountInWords(picture.goes_now))),
      build('p', { class: 'quiet' }, said.destroysFrom(instantOf(picture.destroys_from))),
    ),
    section(said.stays, ...keptLines(picture)),
    section(said.byMonth, histogram(said.byMonth, picture.months, parts)),
    picture.first.length > 0 && section(said.first, build('p', { class: 'quiet' }, said.firstLead), firstTable(picture, names)),
    build('p', { class: 'quiet fingerprint' }, `${said.fingerprint}: ${simulation.fingerprint ?? ''}`),
  ];
}

/** @param {Picture} picture */
function goesLines({ goes, revisions, reactions, room_names: roomNames }) {
  const { simulation: said } = complianceWords;
  const counts = [revisions > 0 && said.revisions(revisions), reactions > 0 && said.reactions(reactions), roomNames > 0 && said.roomNames(roomNames)];
  const besides = counts.filter(Boolean).join(', ');
  const nothing = build('p', { class: 'amount' }, besides ? said.goesNoMessage : said.goesNothing);
  return [isNothing(goes) ? nothing : build('p', { class: 'amount goes' }, amountInWords(goes)), besides && build('p', {}, said.besides(besides))];
}

/** @param {Picture} picture */
function keptLines(picture) {
  const { simulation: said, figures } = complianceWords;
  const held = picture.kept_by_holds;
  const kept = /** @type {[string, string][]} */ ([
    held.messages + held.files > 0 && [said.keptByHolds, amountInWords(held)],
    picture.kept_by_labels > 0 && [said.keptByLabels, `${number(picture.kept_by_labels)} ${figures.messages(picture.kept_by_labels)}`],
    picture.kept_by_classes > 0 && [said.keptByKeeps, `${number(picture.kept_by_classes)} ${figures.messages(picture.kept_by_classes)}`],
  ].filter(Boolean));
  if (kept.length === 0) return [build('p', { class: 'quiet' }, said.keptNothing)];
  return kept.map(([name, amount]) => build('p', {}, build('strong', {}, `${name}: `), amount));
}

/** @param {Amount} amount */
function isNothing({ messages, files }) {
  return messages + files === 0;
}

/** @param {Amount} amount */
function amountInWords({ messages, files, bytes, rooms }) {
  const { figures } = complianceWords;
  return [
    `${number(messages)} ${figures.messages(messages)}`,
    `${number(files)} ${figures.files(files)} (${byteSize(bytes)})`,
    rooms !== undefined && `${number(rooms)} ${figures.rooms(rooms)}`,
  ]
    .filter(Boolean)
    .join(', ');
}

/**
 * @param {Picture} picture
 * @param {NameBook} names
 */
function firstTable({ first }, names) {
  const { simulation: said, message } = complianceWords;
  const rows = first.map(({ message_id, room_id, sent_at, due_at }) =>
    build(
      'tr',
      {},
      build('td', {}, timeElement(sent_at)),
      build('td', {}, build('a', { href: addresses.room(room_id), dir: 'auto' }, names.room(room_id))),
      build('td', {}, timeElement(due_at)),
      build('td', {}, build('a', { href: addresses.message(message_id), 'aria-label': message.explainOf(instantOf(sent_at)) }, message.explain)),
    ),
  );
  const head = [said.sent, said.room, said.due].map((text) => build('th', { scope: 'col' }, text));
  const last = build('th', { scope: 'col' }, build('span', { class: 'unseen' }, message.explain));
  return build(
    'div',
    { class: 'table-scroller', tabindex: 0, role: 'region', 'aria-label': said.first },
    build('table', {}, build('thead', {}, build('tr', {}, ...head, last)), build('tbody', {}, ...rows)),
  );
}

customElements.define('simulation-page', SimulationPage);
