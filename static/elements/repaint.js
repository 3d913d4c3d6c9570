/**
 * Draws once for many changes: with the next frame of the screen, or, in a window nobody sees, a little later.
 */
const HIDDEN_MS = 200;

export class Repaint {
  /** @type {(() => void)|null} */
  #cancel = null;
  #draw;

  /** @param {() => void} draw */
  constructor(draw) {
    this.#draw = draw;
  }

  /** Something changed. May be used as a listener. */
  request = () => {
    if (this.#cancel) return;
    if (document.visibilityState === 'visible') {
      const frame = requestAnimationFrame(() => this.now());
      // A window that is hidden before its next frame gets none: then the time-out draws.
      const timer = setTimeout(() => this.now(), HIDDEN_MS);
      this.#cancel = () => {
        cancelAnimationFrame(frame);
        clearTimeout(timer);
      };
    } else {
      const timer = setTimeout(() => this.now(), HIDDEN_MS);
      this.#cancel = () => clearTimeout(timer);
    }
  };

  /** Draw at once. */
  now() {
    this.stop();
    this.#draw();
  }

  stop() {
    this.#cancel?.();
    this.#cancel = null;
  }
}
