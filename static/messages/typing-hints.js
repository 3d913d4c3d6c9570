/**
 * Who is writing right now, by stream. A hint lasts five seconds, or until the message it announced is there.
 *
 * @import { Timers } from '../connection/timers.js'
 */
import { browserTimers } from '../connection/timers.js';

const SHOWN_MS = 5_000;

export class TypingHints extends EventTarget {
  /** @type {Map<string, Map<string, unknown>>} stream -> account -> timer */
  #typing = new Map();
  #timers;

  /** @param {Timers} [timers] */
  constructor(timers = browserTimers) {
    super();
    this.#timers = timers;
  }

  /**
   * @param {string} stream
   * @returns {string[]} Account ids, in the order they began.
   */
  of(stream) {
    return [...(this.#typing.get(stream)?.keys() ?? [])];
  }

  /**
   * @param {string} stream
   * @param {string} accountId
   */
  began(stream, accountId) {
    const typing = this.#typing.get(stream) ?? new Map();
    this.#typing.set(stream, typing);
    this.#timers.clear(typing.get(accountId));
    typing.set(accountId, this.#timers.set(() => this.ended(stream, accountId), SHOWN_MS));
    this.dispatchEvent(new Event('change'));
  }

  /**
   * @param {string} stream
   * @param {string} accountId
   */
  ended(stream, accountId) {
    const typing = this.#typing.get(stream);
    if (!typing?.has(accountId)) return;
    this.#timers.clear(typing.get(accountId));
    typing.delete(accountId);
    this.dispatchEvent(new Event('change'));
  }
}
