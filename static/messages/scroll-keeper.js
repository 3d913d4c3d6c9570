/**
 * Keeps what the reader looks at in its place while rows come and go above and below it; and at the end, where the reader
 * is at the end.
 */
const END_PX = 48;
const HURRY_PX = 900;

export class ScrollKeeper {
  #scroller;
  #rows;
  #isAtEnd = true;

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} rows The list inside it.
   */
  constructor(scroller, rows) {
    this.#scroller = scroller;
    this.#rows = rows;
    scroller.addEventListener('scroll', () => this.#look(), { passive: true });
  }

  /** Whether the reader is at the end of what is there. */
  get isAtEnd() {
    return this.#isAtEnd;
  }

  /** Whether what is there ends soon above, or below. */
  get nearsStart() {
    return this.#scroller.scrollTop < HURRY_PX;
  }

  get nearsEnd() {
    return this.#leftBelow() < HURRY_PX;
  }

  /**
   * Change the rows; the first one in sight stays where it is.
   *
   * @param {() => void} change
   * @param {boolean} [staysAtEnd] Whether the end is followed.
   */
  keep(change, staysAtEnd = true) {
    if (staysAtEnd && this.#isAtEnd) {
      change();
      return this.toEnd();
    }
    const anchor = this.#firstInSight();
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    if (anchor?.isConnected) this.#scroller.scrollTop += anchor.getBoundingClientRect().top - before;
    this.#look();
  }

  /** The room for the rows changed (a window, a keyboard, a growing composer): the end stays the end. */
  resized() {
    if (this.#isAtEnd) this.toEnd();
  }

  toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#isAtEnd = true;
  }

  /**
   * @param {HTMLElement} row
   * @param {number} [share] How far below the upper edge it is to stand, as a share of the height.
   */
  toRow(row, share = 0.2) {
    const offset = row.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top;
    this.#scroller.scrollTop += offset - this.#scroller.clientHeight * share;
    this.#look();
  }

  #look() {
    this.#isAtEnd = this.#leftBelow() < END_PX;
  }

  #leftBelow() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  /** @returns {Element|undefined} */
  #firstInSight() {
    const top = this.#scroller.getBoundingClientRect().top;
    const rows = [...this.#rows.children];
    // A day's line stays in sight by itself, and a row that is gone after the change holds nothing.
    return rows.find((row) => row.classList.contains('message') && row.getBoundingClientRect().bottom > top);
  }
}
