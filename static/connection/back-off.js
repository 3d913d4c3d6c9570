/**
 * How long to wait before trying again: exponential, with full jitter, so that a thousand browsers that lost the same
 * server do not come back in the same instant. Pure but for the random numbers, which are given.
 */
export class BackOff {
  #failures = 0;
  #baseMs;
  #limitMs;
  #random;

  /** @param {{baseMs?: number, limitMs?: number, random?: () => number}} [options] */
  constructor({ baseMs = 500, limitMs = 30_000, random = Math.random } = {}) {
    this.#baseMs = baseMs;
    this.#limitMs = limitMs;
    this.#random = random;
  }

  /** How many failures stand since the last success. */
  get failures() {
    return this.#failures;
  }

  /** The next delay in milliseconds: anywhere between nothing and a ceiling that doubles with every failure. */
  nextDelayMs() {
    const ceiling = Math.min(this.#limitMs, this.#baseMs * 2 ** Math.min(this.#failures, 20));
    this.#failures += 1;
    return Math.floor(this.#random() * ceiling);
  }

  /** It worked, and stayed so: begin anew. */
  succeed() {
    this.#failures = 0;
  }
}
