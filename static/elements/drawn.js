/**
 * Remembers what was drawn last, so that nothing is drawn again that has not changed: who looks at a page that looks again
 * by itself keeps the focus where it is.
 */
export class Drawn {
  #last = '';

  /**
   * @param {...unknown} values What is about to be drawn, as plain values.
   * @returns {boolean} Whether any of it differs from the last time.
   */
  differs(...values) {
    const now = JSON.stringify(values);
    const isNew = now !== this.#last;
    this.#last = now;
    return isNew;
  }
}
