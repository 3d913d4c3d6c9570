/**
 * What was begun and not sent, kept for each stream of an account until it is sent or the person signs out.
 */
export class Drafts {
  #storage;
  #prefix;

  /**
   * @param {Storage} storage
   * @param {string} accountId
   */
  constructor(storage, accountId) {
    this.#storage = storage;
    this.#prefix = `workroom.draft.${accountId}.`;
  }

  /**
   * @param {string} stream
   * @returns {string}
   */
  read(stream) {
    return this.#storage.getItem(this.#prefix + stream) ?? '';
  }

  /**
   * @param {string} stream
   * @param {string} text
   */
  keep(stream, text) {
    try {
      if (text) this.#storage.setItem(this.#prefix + stream, text);
      else this.#storage.removeItem(this.#prefix + stream);
    } catch (error) {
      // A full storage costs the draft, not the page.
      if (!(error instanceof DOMException)) throw error;
    }
  }

  clear() {
    const keys = Array.from({ length: this.#storage.length }, (_, index) => this.#storage.key(index));
    for (const key of keys) if (key?.startsWith(this.#prefix)) this.#storage.removeItem(key);
  }
}
