/**
 * Children of an element that follow a list: each known by its key, made once, updated in place, moved only where the
 * order changed. Focus stays where it was.
 *
 * @template Value
 * @typedef {object} Entry
 * @property {HTMLElement} element
 * @property {(value: Value) => void} update
 */

/** @template Value */
export class KeyedList {
  /** @type {Map<string, Entry<Value>>} */
  #entries = new Map();
  #parent;
  #keyOf;
  #create;

  /**
   * @param {HTMLElement} parent
   * @param {(value: Value) => string} keyOf
   * @param {(value: Value) => Entry<Value>} create
   */
  constructor(parent, keyOf, create) {
    this.#parent = parent;
    this.#keyOf = keyOf;
    this.#create = create;
  }

  /** @param {readonly Value[]} values */
  show(values) {
    const focused = document.activeElement;
    const keys = new Set(values.map(this.#keyOf));
    for (const [key, { element }] of this.#entries) {
      if (keys.has(key)) continue;
      element.remove();
      this.#entries.delete(key);
    }
    /** @type {ChildNode|null} */
    let cursor = this.#parent.firstChild;
    for (const value of values) {
      const { element } = this.#updated(value);
      if (element === cursor) cursor = cursor.nextSibling;
      else this.#parent.insertBefore(element, cursor);
    }
    if (focused instanceof HTMLElement && focused !== document.activeElement && this.#parent.contains(focused)) {
      focused.focus({ preventScroll: true });
    }
  }

  /** @param {string} key */
  find(key) {
    return this.#entries.get(key)?.element;
  }

  /** @param {Value} value */
  #updated(value) {
    const key = this.#keyOf(value);
    const known = this.#entries.get(key);
    const entry = known ?? this.#create(value);
    if (!known) this.#entries.set(key, entry);
    entry.update(value);
    return entry;
  }
}
