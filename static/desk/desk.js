/**
 * The rooms where a customer waits for an answer, for the provider's people: the name, the customers and since when.
 *
 * @import { WaitingRoom } from '../connection/protocol-shapes.js'
 * @import { Send } from '../connection/stream-registry.js'
 * @import { Timers } from '../connection/timers.js'
 */
import { CommandError, isLineLost } from '../connection/command-error.js';
import { browserTimers } from '../connection/timers.js';

const REFRESH_AFTER_MS = 250;
const RETRY_MS = 4_000;

export class Desk extends EventTarget {
  /** @type {WaitingRoom[]} Those who wait longest first. */
  rooms = [];
  isLoaded = false;
  /** @type {unknown} */
  #timer = null;
  #send;
  #timers;

  /**
   * @param {Send} send
   * @param {Timers} [timers]
   */
  constructor(send, timers = browserTimers) {
    super();
    this.#send = send;
    this.#timers = timers;
  }

  /** Be told of changes on this line, and fetch what waits now. */
  watch() {
    this.#send('watch_desk', { watching: true }).catch(ignoreLoss);
    this.refreshSoon(0);
  }

  /**
   * @param {string} roomId
   * @returns {string|null} Since when a customer waits in this room.
   */
  waitingSince(roomId) {
    return this.rooms.find((room) => room.room_id === roomId)?.waiting_since ?? null;
  }

  /** Several changes within a moment cost one request. */
  refreshSoon(delayMs = REFRESH_AFTER_MS) {
    this.#timer ??= this.#timers.set(() => {
      this.#timer = null;
      this.#refresh().catch((error) => {
        ignoreLoss(error);
        // Without a line, the next hello fetches.
        if (error.retry && !isLineLost(error)) this.refreshSoon(RETRY_MS);
      });
    }, delayMs);
  }

  async #refresh() {
    const { rooms } = await this.#send('list_waiting_rooms', {});
    this.rooms = rooms.toSorted((/** @type {WaitingRoom} */ one, /** @type {WaitingRoom} */ other) =>
      one.waiting_since.localeCompare(other.waiting_since),
    );
    this.isLoaded = true;
    this.dispatchEvent(new Event('change'));
  }
}

/**
 * The line was lost, or the right: the next hello watches again. Anything but such an error is a defect.
 *
 * @param {unknown} error
 */
function ignoreLoss(error) {
  if (!(error instanceof CommandError)) throw error;
}
