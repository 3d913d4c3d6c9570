import { build, fill, say } from '../elements/build.js';
import { KeyedList } from '../elements/keyed-list.js';
import { Listening } from '../elements/listening.js';
import { pageHeader } from '../elements/page-header.js';
import { Repaint } from '../elements/repaint.js';
import { words } from '../words/english.js';
import { WaitingRoomLine } from './waiting-room-line.js';

/**
 * @import { Workroom } from '../workroom.js'
 * @import { WaitingRoom } from '../connection/protocol-shapes.js'
 */

const MINUTE_MS = 60_000;

/** The rooms where a customer waits, those who wait longest first, and the way into each. */
export class DeskPage extends HTMLElement {
  #listening = new Listening();
  #repaint = new Repaint(() => this.#draw());
  #list = build('ul', { class: 'cards' });
  #empty = build('div', { class: 'blank' });
  #status = build('p', { class: 'unseen', role: 'status' });
  /** @type {ReturnType<typeof setInterval>|undefined} */
  #clock;
  #lines;
  #workroom;

  /** @param {Workroom} workroom */
  constructor(workroom) {
    super();
    this.#workroom = workroom;
    this.#lines = new KeyedList(
      this.#list,
      (/** @type {WaitingRoom} */ room) => room.room_id,
      () => new WaitingRoomLine(workroom),
    );
  }

  connectedCallback() {
    fill(
      this.#empty,
      build('p', { class: 'blank-title' }, words.desk.empty),
      build('p', { class: 'quiet' }, words.desk.emptyLead),
    );
    fill(
      this,
      pageHeader(words.desk.title, words.desk.lead),
      build('div', { class: 'page-body' }, this.#status, this.#list, this.#empty),
    );
    this.#listening.to(this.#workroom.desk, 'change', this.#repaint.request);
    this.#clock = setInterval(this.#repaint.request, MINUTE_MS);
    this.#repaint.now();
  }

  disconnectedCallback() {
    clearInterval(this.#clock);
    this.#repaint.stop();
    this.#listening.end();
  }

  #draw() {
    const { rooms, isLoaded } = this.#workroom.desk;
    this.#lines.show(rooms);
    this.#list.hidden = rooms.length === 0;
    this.#empty.hidden = rooms.length > 0 || !isLoaded;
    say(this.#status, isLoaded ? words.desk.waiting(rooms.length) : '');
  }
}

customElements.define('desk-page', DeskPage);
