/**
 * The messages as one stop of the Tab key: arrow keys walk through them, Home and End go to the ends, Escape back to the
 * composer.
 */
export class MessageWalk {
  #list;

  /**
   * @param {HTMLElement} list
   * @param {() => void} onEscape
   */
  constructor(list, onEscape) {
    this.#list = list;
    list.addEventListener('keydown', (event) => (event.key === 'Escape' ? onEscape() : this.#step(event)));
  }

  /** Rows came and went: one of them is the stop. */
  rowsChanged() {
    const last = this.#rows.at(-1);
    if (last && !this.#rows.some((row) => row.tabIndex === 0)) last.tabIndex = 0;
  }

  focusLast() {
    this.#rows.at(-1)?.focus();
  }

  /** @returns {HTMLElement[]} */
  get #rows() {
    return [...this.#list.querySelectorAll(':scope > .message')].filter((row) => row instanceof HTMLElement);
  }

  /** @param {KeyboardEvent} event */
  #step(event) {
    const rows = this.#rows;
    const at = rows.findIndex((row) => row.contains(/** @type {Node} */ (event.target)));
    const target = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: rows.length - 1 }[event.key];
    if (target === undefined || at < 0) return;
    event.preventDefault();
    const next = rows[Math.min(Math.max(target, 0), rows.length - 1)];
    for (const row of rows) row.tabIndex = row === next ? 0 : -1;
    next.focus();
  }
}
