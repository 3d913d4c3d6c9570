/**
 * The rooms as records: their class, their holds, how much is in them. Not what is written.
 *
 * @import { RoomRecord } from './shapes.js'
 */
import { request } from '../connection/http.js';
import { build, say } from '../elements/build.js';
import { Drawn } from '../elements/drawn.js';
import { KeyedList } from '../elements/keyed-list.js';
import { words } from '../words/english.js';
import { complianceWords } from '../words/english-compliance.js';
import { addresses, door } from './addresses.js';
import { blank, ConsolePage } from './console-page.js';
import { dayOf } from './figures.js';

const PAUSE_MS = 200;
const LIMIT = 100;

export class RoomRecordsPage extends ConsolePage {
  #list = build('ul', { class: 'cards' });
  #empty = blank(complianceWords.rooms.empty, complianceWords.rooms.emptyLead);
  #more = build('p', { class: 'quiet', role: 'status' });
  #name = build('input', { class: 'input', type: 'search', maxlength: 200, autocomplete: 'off', 'aria-label': complianceWords.rooms.find });
  /** @type {KeyedList<RoomRecord>} */
  #lines = new KeyedList(
    this.#list,
    ({ room_id }) => room_id,
    () => new RoomLine(),
  );
  #asked = 0;

  /** @override */
  draw() {
    this.#name.placeholder = complianceWords.rooms.find;
    this.listening.to(this.#name, 'input', () => this.lookIn(PAUSE_MS));
    this.showHead(complianceWords.rooms.title, complianceWords.rooms.lead);
    this.#empty.hidden = true;
    this.showBody(this.#name, this.#list, this.#more, this.#empty);
  }

  /** @override */
  async fetch() {
    const asked = ++this.#asked;
    const { rooms } = await request('GET', door('rooms', { name: this.#name.value.trim(), limit: LIMIT }));
    if (asked !== this.#asked) return;
    this.#lines.show(rooms);
    this.#empty.hidden = rooms.length > 0;
    say(this.#more, rooms.length === LIMIT ? complianceWords.rooms.more : '');
  }
}

/** One room in the list. */
class RoomLine {
  element = build('li', { class: 'card' });
  #drawn = new Drawn();

  /** @param {RoomRecord} room */
  update(room) {
    if (!this.#drawn.differs(room)) return;
    const { rooms } = complianceWords;
    this.element.replaceChildren(
      build(
        'div',
        { class: 'card-text' },
        build('h2', { class: 'card-title', dir: 'auto' }, build('a', { href: addresses.room(room.room_id) }, room.name)),
        build('p', { class: 'quiet', dir: 'auto' }, `${words.listed(room.customers)} · ${rooms.last(dayOf(room.last_recorded_at))}`),
      ),
      build(
        'p',
        { class: 'badges' },
        room.holds > 0 ? build('span', { class: 'badge hold-standing' }, rooms.holds(room.holds)) : '',
        room.archived_at ? build('span', { class: 'badge off' }, words.rooms.archived) : '',
      ),
    );
  }
}

customElements.define('room-records-page', RoomRecordsPage);
