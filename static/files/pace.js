/**
 * How fast bytes leave, over the last seconds: for the time that is left, and for how much to send in one request.
 */
const WINDOW_MS = 8_000;
const LEAST_MS = 1_000;
const PIECE_SECONDS = 8;
const SMALLEST_PIECE = 4 * 1024 * 1024;
const LARGEST_PIECE = 64 * 1024 * 1024;

export class Pace {
  /** @type {{at: number, bytes: number}[]} */
  #samples = [];

  /**
   * So many bytes have left by now.
   *
   * @param {number} bytes
   * @param {number} now In milliseconds.
   */
  reached(bytes, now) {
    const last = this.#samples.at(-1);
    // Bytes that left and did not arrive leave again: what was measured before does not count.
    if (last && bytes < last.bytes) this.#samples = [];
    this.#samples.push({ at: now, bytes });
    while (this.#samples.length > 2 && now - this.#samples[1].at > WINDOW_MS) this.#samples.shift();
  }

  /** Nothing is under way. */
  stop() {
    this.#samples = [];
  }

  /** @returns {number|null} Null until it can be said. */
  get bytesPerSecond() {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.at - first.at < LEAST_MS || last.bytes === first.bytes) return null;
    return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  }

  /**
   * @param {number} bytesLeft
   * @returns {number|null}
   */
  secondsLeft(bytesLeft) {
    const speed = this.bytesPerSecond;
    return speed === null ? null : bytesLeft / speed;
  }

  /**
   * How many bytes one request brings: some seconds of them. Each piece is durable when it is answered, also behind a
   * proxy that keeps a body back until it is whole; and each costs the service a turn.
   */
  get pieceBytes() {
    const wanted = (this.bytesPerSecond ?? 0) * PIECE_SECONDS;
    return Math.round(Math.min(LARGEST_PIECE, Math.max(SMALLEST_PIECE, wanted)));
  }
}
