/**
 * Listeners that belong to an element while it is in the page, and end with it.
 */
export class Listening {
  #controller = new AbortController();

  /**
   * @param {EventTarget} target
   * @param {string} type
   * @param {(event: any) => void} listener
   * @param {AddEventListenerOptions} [options]
   */
  to(target, type, listener, options = {}) {
    target.addEventListener(type, listener, { ...options, signal: this.#controller.signal });
  }

  end() {
    this.#controller.abort();
    this.#controller = new AbortController();
  }
}
