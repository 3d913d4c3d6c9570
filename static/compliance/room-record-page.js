/**
 * A room's page for compliance: its class, its holds, what is due and when. What is written is behind a door of its own.
 *
 * @import { DueMonth, Hold, Matter, RoomRecord } from './shapes.js'
 */
import { request } from '../connection/http.js';
import { build, fill } from '../elements/build.js';
import { Drawn } from '../elements/drawn.js';
import { ask } from '../elements/dialogs.js';
import { choiceField } from '../elements/fields.js';
import { go } from '../route.js';
import { words } from '../words/english.js';
import { complianceWords } from '../words/english-compliance.js';
import { addresses, door } from './addresses.js';
import { ConsolePage, facts, linkButton, section } from './console-page.js';
import { byteSize, dayOf, monthOf, number, scopeInWords } from './figures.js';
import { histogram } from './histogram.js';
import { stateBadge } from './hold-card.js';

const LOOK_MS = 30_000;

export class RoomRecordPage extends ConsolePage {
  #retention = build('div', {});
  #holds = build('div', {});
  #due = build('div', {});
  #drawn = new Drawn();
  #roomId;

  /** @param {string} roomId */
  constructor(roomId) {
    super(LOOK_MS);
    this.#roomId = roomId;
  }

  /** @override */
  draw() {
    const { room } = complianceWords;
    this.showBody(
      section(room.retention, this.#retention),
      section(room.holds, this.#holds),
      section(room.due, build('p', { class: 'quiet' }, room.dueLead), this.#due),
      build('p', { class: 'console-after' }, build('a', { href: addresses.trail({ subject: this.#roomId }) }, room.trail)),
    );
  }

  /** @override */
  async fetch() {
    const answer = await request('GET', door(`rooms/${this.#roomId}`));
    if (!this.#drawn.differs(answer)) return;
    this.#showRoom(answer.room, answer.room_class, answer.default_class);
    this.#showHolds(answer.holds);
    // The whole room is looked at for it: only when something has changed.
    const { due } = await request('GET', door(`rooms/${this.#roomId}/due`));
    this.#showDue(due);
  }

  /**
   * @param {RoomRecord} room
   * @param {{name: string}|null} ownClass
   * @param {{name: string}|null} defaultClass
   */
  #showRoom(room, ownClass, defaultClass) {
    const { room: said } = complianceWords;
    this.showHead(
      room.name,
      [words.roomKinds[room.kind], ...room.customers].join(' · '),
      build('button', { type: 'button', class: 'button', onclick: () => void this.attempt(() => this.#askMatter()) }, said.place),
      linkButton(addresses.open(this.#roomId), said.open),
    );
    fill(
      this.#retention,
      facts(
        [said.ownClass, build('span', { dir: 'auto' }, ownClass?.name ?? said.noClass)],
        [said.kindDefault(words.roomKinds[room.kind]), build('span', { dir: 'auto' }, defaultClass?.name ?? said.noClass)],
        [said.closed, room.archived_at ? dayOf(room.archived_at) : said.notClosed],
      ),
      build('p', { class: 'button-row' }, linkButton(addresses.change('assign_room', this.#roomId), said.assign)),
    );
  }

  /** @param {Hold[]} holds */
  #showHolds(holds) {
    const { room, hold: said } = complianceWords;
    if (holds.length === 0) return fill(this.#holds, build('p', { class: 'quiet' }, room.noHolds));
    const lines = holds.map((hold) =>
      build(
        'li',
        { class: 'card' },
        build(
          'div',
          { class: 'card-text' },
          build('h3', { class: 'card-title' }, build('a', { href: addresses.hold(hold.hold_id) }, said.title(String(hold.number))), ' ', stateBadge(hold)),
          build('p', { class: 'quiet', dir: 'auto' }, `${hold.matter_name} · ${scopeInWords(hold.scope)}`),
        ),
      ),
    );
    fill(this.#holds, build('ul', { class: 'cards' }, ...lines));
  }

  /** @param {DueMonth[]} due */
  #showDue(due) {
    const { room, simulation } = complianceWords;
    if (due.length === 0) return fill(this.#due, build('p', { class: 'quiet' }, room.nothing));
    const dated = due.flatMap(({ month, messages, held }) => (month ? [{ month, goes: messages - held, held }] : []));
    const parts = [
      { name: 'goes', label: simulation.columns.goes },
      { name: 'held', label: simulation.columns.held },
    ];
    fill(this.#due, dated.length > 0 && histogram(room.dueMonths, dated, parts, false), dueTable(due));
  }

  async #askMatter() {
    const { matters } = await request('GET', door('matters'));
    const open = matters.filter((/** @type {Matter} */ { closed_at }) => !closed_at);
    const { room, opening } = complianceWords;
    if (open.length === 0) return go(addresses.matters);
    const options = open.map((/** @type {Matter} */ { matter_id, name }) => /** @type {const} */ ([matter_id, name]));
    ask({
      title: room.placeTitle,
      fields: [choiceField(opening.matter, { name: 'matter_id' }, options)],
      submit: room.placeSubmit,
      act: async (answers) => go(addresses.place(String(answers.get('matter_id')), this.#roomId)),
    });
  }
}

/** @param {DueMonth[]} due */
function dueTable(due) {
  const { room, figures, simulation } = complianceWords;
  const thisMonth = new Date().toISOString().slice(0, 7);
  const name = (/** @type {string|null} */ month) => {
    if (!month) return room.never;
    return month.slice(0, 7) < thisMonth ? `${monthOf(month)} · ${room.overdue}` : monthOf(month);
  };
  const head = [simulation.columns.month, figures.messages(2), figures.files(2), figures.byte_size(), simulation.columns.held];
  const rows = due.map(({ month, messages, files, bytes, held }) =>
    build(
      'tr',
      {},
      build('th', { scope: 'row' }, name(month)),
      ...[number(messages), number(files), byteSize(bytes), number(held)].map((text) => build('td', {}, text)),
    ),
  );
  return build(
    'div',
    { class: 'table-scroller', tabindex: 0, role: 'region', 'aria-label': room.due },
    build(
      'table',
      { class: 'numbers' },
      build('caption', { class: 'unseen' }, room.due),
      build('thead', {}, build('tr', {}, ...head.map((text) => build('th', { scope: 'col' }, text)))),
      build('tbody', {}, ...rows),
    ),
  );
}

customElements.define('room-record-page', RoomRecordPage);
