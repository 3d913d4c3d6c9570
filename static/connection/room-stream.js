/**
 * One numbered stream as this browser follows it: its position, and the rule that events are applied strictly in order,
 * each once. It asks `read_since` only where the server could not keep the order for us: after a lost line.
 *
 * @import { RoomEvent } from './protocol-shapes.js'
 * @import { Timers } from './timers.js'
 *
 * @typedef {object} StreamListener
 * @property {(events: RoomEvent[], stream: string) => void} onEvents Consecutive events, never twice.
 * @property {(stream: string) => void} onReset The position is foreign: fetch afresh, then call `restart`.
 * @property {(stream: string) => void} onEnded The stream may not be read any more.
 *
 * @typedef {(stream: string, seq: number) => Promise<{events: RoomEvent[], seq: number, more: boolean}>} ReadSince
 */
import { BackOff } from './back-off.js';
import { CommandError, isLineLost } from './command-error.js';
import { browserTimers } from './timers.js';

const MOST_EARLY_EVENTS = 2_000;

export class RoomStream {
  /** @type {number|null} */
  #seq;
  /** @type {RoomEvent[]} */
  #early = [];
  #catchingUp = false;
  #ended = false;
  #awaitsRestart = false;
  #target = 0;
  #backOff = new BackOff();
  #readSince;
  #listener;
  #timers;

  /**
   * @param {string} stream
   * @param {number|null} seq The highest number that is known; null: begin where listening begins.
   * @param {ReadSince} readSince
   * @param {StreamListener} listener
   * @param {Timers} [timers]
   */
  constructor(stream, seq, readSince, listener, timers = browserTimers) {
    this.stream = stream;
    this.#seq = seq;
    this.#readSince = readSince;
    this.#listener = listener;
    this.#timers = timers;
  }

  /** The highest number that was applied; null while that is unknown. */
  get seq() {
    return this.#seq;
  }

  /**
   * Events came in a frame.
   *
   * @param {RoomEvent[]} events
   */
  receive(events) {
    if (this.#ended) return;
    if (this.#seq === null || this.#catchingUp) this.#keepEarly(events);
    else if (!this.#apply(events)) {
      this.#keepEarly(events);
      void this.#catchUp();
    }
  }

  /**
   * Listening began at this number: read what lies between it and ours.
   *
   * @param {number} seq
   */
  resume(seq) {
    this.#target = Math.max(this.#target, seq);
    if (this.#seq === null && !this.#awaitsRestart) this.restart(seq);
    else if (this.#seq !== null && this.#seq < this.#target) void this.#catchUp();
  }

  /** The position is worthless: forget it, wait for `restart`. */
  reset() {
    if (this.#ended) return;
    this.#awaitsRestart = true;
    this.#seq = null;
    this.#target = 0;
    this.#early = [];
    this.#listener.onReset(this.stream);
  }

  /**
   * The state was fetched afresh and is of this number.
   *
   * @param {number} seq
   */
  restart(seq) {
    this.#awaitsRestart = false;
    this.#seq = seq;
    this.#target = Math.max(this.#target, seq);
    this.#drainEarly();
    if (this.#early.length > 0 || this.#seq < this.#target) void this.#catchUp();
  }

  end() {
    this.#ended = true;
    this.#early = [];
  }

  /**
   * @param {RoomEvent[]} events
   * @returns {boolean} False where a number is missing before them.
   */
  #apply(events) {
    const known = this.#seq ?? 0;
    const fresh = events.filter((event) => event.seq > known);
    if (fresh.length === 0) return true;
    if (fresh[0].seq !== known + 1) return false;
    this.#seq = fresh[fresh.length - 1].seq;
    this.#listener.onEvents(fresh, this.stream);
    return true;
  }

  /** @param {RoomEvent[]} events */
  #keepEarly(events) {
    this.#early.push(...events);
    this.#target = Math.max(this.#target, events[events.length - 1]?.seq ?? 0);
    // What does not fit is read later: the target says how far.
    if (this.#early.length > MOST_EARLY_EVENTS) this.#early = [];
  }

  #drainEarly() {
    const early = this.#early.sort((one, other) => one.seq - other.seq);
    this.#early = [];
    for (const event of early) {
      if (!this.#apply([event])) this.#early.push(event);
    }
  }

  async #catchUp() {
    if (this.#catchingUp || this.#ended) return;
    this.#catchingUp = true;
    try {
      await this.#readUntilTarget();
      this.#backOff.succeed();
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#catchingUp = false;
    }
  }

  async #readUntilTarget() {
    let more = true;
    while (!this.#ended && this.#seq !== null && (more || this.#seq < this.#target)) {
      const askedAt = this.#seq;
      const page = await this.#readSince(this.stream, askedAt);
      if (this.#seq !== askedAt || this.#ended) continue;
      if (!this.#apply(page.events)) throw new CommandError('reset');
      this.#seq = Math.max(this.#seq, page.seq);
      this.#drainEarly();
      more = page.more;
      // A server that has nothing more has nothing more, whatever number was promised.
      if (!more && page.events.length === 0) break;
    }
    this.#target = this.#seq ?? 0;
  }

  /** @param {unknown} error */
  #failed(error) {
    if (!(error instanceof CommandError)) throw error;
    // Without a line there is nothing to retry: the next subscription resumes.
    if (isLineLost(error)) return;
    if (error.code === 'reset') this.reset();
    else if (error.code === 'not_found') {
      this.end();
      this.#listener.onEnded(this.stream);
    } else this.#timers.set(() => void this.#catchUp(), this.#backOff.nextDelayMs());
  }
}
