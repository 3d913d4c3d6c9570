/**
 * Where the outbox lies between two loads of the page: one key for each entry, under the account's own prefix, so that
 * two tabs never overwrite each other, and another account never sees it. A full or forbidden storage is not an error:
 * what was written then lives as long as the page.
 *
 * @import { OutboxEntry } from './outbox.js'
 */
export class OutboxStorage {
  #storage;
  #prefix;

  /**
   * @param {Storage} storage
   * @param {string} accountId
   */
  constructor(storage, accountId) {
    this.#storage = storage;
    this.#prefix = `workroom.outbox.${accountId}.`;
  }

  /** @returns {OutboxEntry[]} In the order they were written in. */
  load() {
    const entries = [];
    for (let index = 0; index < this.#storage.length; index += 1) {
      const key = this.#storage.key(index);
      const entry = key?.startsWith(this.#prefix) ? this.#read(key) : null;
      if (entry) entries.push(entry);
    }
    return entries.sort((one, other) => one.order - other.order);
  }

  /** @param {OutboxEntry} entry */
  save(entry) {
    try {
      this.#storage.setItem(this.#prefix + entry.client_command_id, JSON.stringify(entry));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
    }
  }

  /** @param {OutboxEntry} entry */
  remove(entry) {
    this.#storage.removeItem(this.#prefix + entry.client_command_id);
  }

  /**
   * @param {string} key
   * @returns {OutboxEntry|null}
   */
  #read(key) {
    try {
      return JSON.parse(this.#storage.getItem(key) ?? 'null');
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return null;
    }
  }
}
