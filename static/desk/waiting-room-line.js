/**
 * @import { Workroom } from '../workroom.js'
 * @import { WaitingRoom } from '../connection/protocol-shapes.js'
 */
import { build, fill, mark, say } from '../elements/build.js';
import { go, roomAddress } from '../route.js';
import { elapsed, wholeDate } from '../words/dates.js';
import { words } from '../words/english.js';
import { sentenceFor } from '../words/sentences.js';

/** One waiting room: who waits since when, and the button that joins it or, for a member, opens it. */
export class WaitingRoomLine {
  #name = build('h2', { class: 'card-title', dir: 'auto' });
  #customers = build('p', { class: 'quiet', dir: 'auto' });
  #since = build('time', { class: 'card-since' });
  #problem = build('p', { class: 'problem', role: 'alert' });
  #button = build('button', { type: 'button', class: 'button primary' });
  element = build(
    'li',
    { class: 'card' },
    build('div', { class: 'card-text' }, this.#name, this.#customers, this.#since, this.#problem),
    this.#button,
  );
  /** @type {WaitingRoom|null} */
  #room = null;
  #workroom;

  /** @param {Workroom} workroom */
  constructor(workroom) {
    this.#workroom = workroom;
    this.#button.addEventListener('click', () => void this.#enter());
  }

  /** @param {WaitingRoom} room */
  update(room) {
    this.#room = room;
    say(this.#name, room.name);
    say(this.#customers, words.listed(room.customers));
    fill(this.#since, words.desk.since(elapsed(room.waiting_since) ?? words.desk.justNow));
    mark(this.#since, 'datetime', room.waiting_since);
    this.#since.title = wholeDate(room.waiting_since);
    say(this.#button, room.member ? words.desk.open : words.desk.join);
    mark(this.#button, 'aria-label', room.member ? words.desk.openRoom(room.name) : words.desk.joinRoom(room.name));
  }

  async #enter() {
    const room = /** @type {WaitingRoom} */ (this.#room);
    this.#button.disabled = true;
    try {
      if (!room.member) await this.#workroom.record('join_room', { room_id: room.room_id });
      await this.#workroom.roomList.refreshAnew();
      go(roomAddress(room.room_id));
    } catch (error) {
      say(this.#problem, sentenceFor(error));
    } finally {
      this.#button.disabled = false;
    }
  }
}
