/** @import { Timers } from './timers.js' */
import { CommandError } from './command-error.js';

/**
 * Commands that wait for their reply, by `ref`. Every one ends: with its reply, with its time-out, or with the line.
 */
export class PendingCommands {
  #nextRef = 1;
  /** @type {Map<number, {resolve: (result: any) => void, reject: (error: Error) => void, timer: unknown}>} */
  #waiting = new Map();
  #timers;

  /** @param {Timers} timers */
  constructor(timers) {
    this.#timers = timers;
  }

  /**
   * @param {number} timeoutMs
   * @returns {{ref: number, reply: Promise<any>}}
   */
  expect(timeoutMs) {
    const ref = this.#nextRef++;
    const reply = new Promise((resolve, reject) => {
      const timer = this.#timers.set(() => {
        this.#waiting.delete(ref);
        reject(new CommandError('timed_out', { retry: true }));
      }, timeoutMs);
      this.#waiting.set(ref, { resolve, reject, timer });
    });
    return { ref, reply };
  }

  /** @param {{ref: number|null, result?: any, error?: {code: string, message: string, retry: boolean, params: any}}} frame */
  settle(frame) {
    const waiting = frame.ref === null ? undefined : this.#waiting.get(frame.ref);
    if (!waiting || frame.ref === null) return;
    this.#waiting.delete(frame.ref);
    this.#timers.clear(waiting.timer);
    if (frame.error) waiting.reject(new CommandError(frame.error.code, frame.error));
    else waiting.resolve(frame.result);
  }

  /** The line is gone: nobody knows whether these were done. */
  loseAll() {
    const lost = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject, timer } of lost) {
      this.#timers.clear(timer);
      reject(new CommandError('connection_lost', { retry: true }));
    }
  }
}
