/**
 * Tells the server how far this account has read: at most once a second for each stream, always the highest number, and
 * again after a lost line.
 *
 * @import { Send } from '../connection/stream-registry.js'
 * @import { Timers } from '../connection/timers.js'
 */
import { CommandError, isLineLost } from '../connection/command-error.js';
import { browserTimers } from '../connection/timers.js';

const PAUSE_MS = 1_000;

export class ReadReporter {
  /** @type {Map<string, number>} Read, and not told yet. */
  #untold = new Map();
  /** @type {Set<string>} Streams that were told of less than a pause ago. */
  #pausing = new Set();
  #waitsForLine = false;
  #send;
  #timers;

  /**
   * @param {Send} send
   * @param {Timers} [timers]
   */
  constructor(send, timers = browserTimers) {
    this.#send = send;
    this.#timers = timers;
  }

  /**
   * @param {string} stream
   * @param {number} seq
   */
  report(stream, seq) {
    this.#untold.set(stream, Math.max(seq, this.#untold.get(stream) ?? 0));
    if (!this.#pausing.has(stream)) void this.#tell(stream);
  }

  /** The line is back. */
  connected() {
    this.#waitsForLine = false;
    for (const stream of [...this.#untold.keys()]) if (!this.#pausing.has(stream)) void this.#tell(stream);
  }

  /** @param {string} stream */
  async #tell(stream) {
    const seq = this.#untold.get(stream);
    if (seq === undefined || this.#waitsForLine) return;
    this.#untold.delete(stream);
    this.#pausing.add(stream);
    this.#timers.set(() => {
      this.#pausing.delete(stream);
      void this.#tell(stream);
    }, PAUSE_MS);
    try {
      await this.#send('mark_read', { stream, seq });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#waitsForLine = isLineLost(error);
      if (error.retry) this.#untold.set(stream, Math.max(seq, this.#untold.get(stream) ?? 0));
    }
  }
}
