/**
 * The rooms of this account as they stand, fetched once and kept up to date by events.
 *
 * @import { RoomEvent, RoomLine } from '../connection/protocol-shapes.js'
 * @import { Send } from '../connection/stream-registry.js'
 * @import { Timers } from '../connection/timers.js'
 * @import { PeopleDirectory } from '../accounts/people-directory.js'
 */
import { CommandError, isLineLost } from '../connection/command-error.js';
import { browserTimers } from '../connection/timers.js';
import {
  EMPTY_ROOM_LIST,
  accountEventApplied,
  inOrder,
  presenceChanged,
  readTo,
  roomEventApplied,
  roomForgotten,
  roomOfStream,
  roomsListed,
  totalUnread,
} from './room-list-state.js';

const REFRESH_AFTER_MS = 400;
const RETRY_MS = 4_000;

export class RoomList extends EventTarget {
  state = EMPTY_ROOM_LIST;
  /** Whether the list was fetched at least once. */
  isLoaded = false;
  /** @type {{stream: string, event: RoomEvent}[]|null} Events since the request that is under way. */
  #meanwhile = null;
  /** @type {Promise<void>|null} */
  #refreshing = null;
  /** @type {unknown} */
  #timer = null;
  #dueAt = Infinity;
  #send;
  #onListed;
  #timers;
  #reader;

  /**
   * @param {object} options
   * @param {string} options.accountId
   * @param {PeopleDirectory} options.people
   * @param {Send} options.send
   * @param {(lines: RoomLine[]) => void} options.onListed Called with every list that was fetched.
   * @param {Timers} [options.timers]
   */
  constructor({ accountId, people, send, onListed, timers = browserTimers }) {
    super();
    this.#reader = { accountId, nameOf: (/** @type {string} */ id) => people.nameOf(id) };
    this.#send = send;
    this.#onListed = onListed;
    this.#timers = timers;
  }

  get rooms() {
    return inOrder(this.state);
  }

  get totalUnread() {
    return totalUnread(this.state);
  }

  /** @param {string} roomId */
  find(roomId) {
    return this.state.rooms[roomId];
  }

  /** @param {string} stream */
  findByStream(stream) {
    return roomOfStream(this.state, stream);
  }

  /** Fetch the list afresh. Rejects with a CommandError where that fails. */
  refresh() {
    this.#refreshing ??= this.#fetch().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  /** Fetch a list that knows what was just done: not the one that may be on its way already. */
  async refreshAnew() {
    await this.#refreshing?.catch(() => {});
    return this.refresh();
  }

  /** Fetch the list afresh soon: several reasons within a moment cost one request, the most urgent says when. */
  refreshSoon(delayMs = REFRESH_AFTER_MS) {
    const dueAt = this.#timers.now() + delayMs;
    if (dueAt >= this.#dueAt) return;
    this.#timers.clear(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = this.#timers.set(() => {
      this.#dueAt = Infinity;
      this.refresh().catch((error) => {
        if (!(error instanceof CommandError)) throw error;
        if (!isLineLost(error)) this.refreshSoon(RETRY_MS);
      });
    }, delayMs);
  }

  /**
   * @param {string} stream
   * @param {RoomEvent[]} events
   */
  receive(stream, events) {
    this.#meanwhile?.push(...events.map((event) => ({ stream, event })));
    this.#become(events.reduce((state, event) => roomEventApplied(state, stream, event, this.#reader), this.state));
  }

  /**
   * @param {string} stream The account's own.
   * @param {RoomEvent[]} events
   */
  receiveOwn(stream, events) {
    this.#meanwhile?.push(...events.map((event) => ({ stream, event })));
    this.#become(events.reduce(accountEventApplied, this.state));
  }

  /** @param {{stream: string, online?: string[], offline?: string[]}} hint */
  presenceChanged(hint) {
    this.#become(presenceChanged(this.state, hint));
  }

  /**
   * @param {string} stream
   * @param {number} seq
   */
  readTo(stream, seq) {
    this.#become(readTo(this.state, stream, seq));
  }

  /** @param {string} roomId */
  forget(roomId) {
    this.#become(roomForgotten(this.state, roomId));
  }

  async #fetch() {
    this.#meanwhile = [];
    try {
      const { rooms } = await this.#send('list_rooms', {});
      this.isLoaded = true;
      this.#become(this.#replayed(roomsListed(rooms), this.#meanwhile));
      this.#onListed(rooms);
    } finally {
      this.#meanwhile = null;
    }
  }

  /**
   * The list that was fetched, with what came while it was on its way.
   *
   * @param {typeof this.state} listed
   * @param {{stream: string, event: RoomEvent}[]} meanwhile
   */
  #replayed(listed, meanwhile) {
    const state = meanwhile.reduce(
      (before, { stream, event }) => accountEventApplied(roomEventApplied(before, stream, event, this.#reader), event),
      listed,
    );
    // The list was asked for because it was stale; only a room that was entered too late for it is worth asking again.
    const stale = meanwhile.some(({ event }) => event.kind === 'room_entered' && !state.rooms[event.room_id ?? '']);
    return { ...state, stale };
  }

  /** @param {typeof this.state} state */
  #become(state) {
    if (state === this.state) return;
    this.state = state;
    if (state.stale) this.refreshSoon();
    this.dispatchEvent(new Event('change'));
  }
}
