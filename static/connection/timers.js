/**
 * The clock and the timers of the browser, as one object, so that tests can move time.
 *
 * @typedef {object} Timers
 * @property {() => number} now Milliseconds since 1970.
 * @property {(action: () => void, delayMs: number) => unknown} set
 * @property {(timer: any) => void} clear
 */

/** @type {Timers} */
export const browserTimers = {
  now: () => Date.now(),
  set: (action, delayMs) => setTimeout(action, delayMs),
  clear: (timer) => clearTimeout(timer),
};
