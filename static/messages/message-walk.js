/**
 * The messages as one stop of the Tab key: arrow keys walk through them, Home and End go to the ends, Escape back to the
 * composer. From the message one stands on, Tab leads to what is in it: what it quotes, links, files, reactions. What is in
 * the others is no stop, or the way past a long conversation would take hundreds of them.
 */
const INSIDE = ['a[href]', 'button', 'audio', 'video'].map((inside) => `${inside}:not(.message-actions *)`).join();

export class MessageWalk {
  /** @type {HTMLElement|undefined} The row that is the stop. */
  #stop;
  #list;

  /**
   * @param {HTMLElement} list
   * @param {() => void} onEscape
   */
  constructor(list, onEscape) {
    this.#list = list;
    list.addEventListener('keydown', (event) => (event.key === 'Escape' ? onEscape() : this.#step(event)));
    // Links come with a text that was edited, a file that was looked through, a player that was made.
    new MutationObserver((changes) => this.#drawnAnew(changes)).observe(list, { childList: true, subtree: true });
    list.addEventListener('focusin', ({ target }) => this.#stopAt(this.#rows.find((row) => contains(row, target))));
  }

  /** Rows came and went: one of them is the stop. */
  rowsChanged() {
    this.#stopAt(this.#stop?.isConnected ? this.#stop : this.#rows.at(-1));
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
    const at = rows.findIndex((row) => contains(row, event.target));
    const target = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: rows.length - 1 }[event.key];
    if (target === undefined || at < 0) return;
    event.preventDefault();
    rows[Math.min(Math.max(target, 0), rows.length - 1)].focus();
  }

  /** @param {MutationRecord[]} changes */
  #drawnAnew(changes) {
    const drawn = new Set(changes.map(({ target }) => target instanceof Element && target.closest('.message')));
    const added = changes.flatMap(({ addedNodes }) => [...addedNodes]);
    for (const row of [...drawn, ...added]) {
      if (row instanceof HTMLElement && row.matches('.message')) setTabIndex(row, row === this.#stop ? 0 : -1);
    }
  }

  /** @param {HTMLElement|undefined} row */
  #stopAt(row) {
    if (this.#stop && this.#stop !== row) setTabIndex(this.#stop, -1);
    if (row) setTabIndex(row, 0);
    this.#stop = row;
  }
}

/**
 * @param {HTMLElement} row
 * @param {EventTarget|null} target
 */
function contains(row, target) {
  return target instanceof Node && row.contains(target);
}

/**
 * @param {HTMLElement} row
 * @param {0|-1} tabIndex
 */
function setTabIndex(row, tabIndex) {
  row.tabIndex = tabIndex;
  for (const inside of row.querySelectorAll(INSIDE)) if (inside instanceof HTMLElement) inside.tabIndex = tabIndex;
}
