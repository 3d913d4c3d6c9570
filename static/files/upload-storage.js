/**
 * What uploads are under way, kept between two loads of the page: one key for each, under the account's own prefix, as
 * the outbox does it. What they are of lies with the file keeper.
 *
 * @import { UploadRecord } from './upload-record.js'
 */
export class UploadStorage {
  #storage;
  #prefix;

  /**
   * @param {Storage} storage
   * @param {string} accountId
   */
  constructor(storage, accountId) {
    this.#storage = storage;
    this.#prefix = `workroom.upload.${accountId}.`;
  }

  /** @returns {UploadRecord[]} In the order they were begun in. */
  load() {
    const records = this.#keys().flatMap((key) => this.#parse(this.#storage.getItem(key)) ?? []);
    return records.sort((one, other) => one.order - other.order);
  }

  /** @param {UploadRecord} record */
  save(record) {
    try {
      this.#storage.setItem(this.#prefix + record.id, JSON.stringify(record));
    } catch (error) {
      // A full storage costs the upload its next life, not this one.
      if (!(error instanceof DOMException)) throw error;
    }
  }

  /** @param {string} id */
  has(id) {
    return this.#storage.getItem(this.#prefix + id) !== null;
  }

  /** @param {string} id */
  remove(id) {
    this.#storage.removeItem(this.#prefix + id);
  }

  clear() {
    for (const key of this.#keys()) this.#storage.removeItem(key);
  }

  /**
   * What another window changed.
   *
   * @param {{key: string|null, newValue: string|null}} change
   * @returns {{id: string, record: UploadRecord|null}|null} Null where it is about something else.
   */
  changed({ key, newValue }) {
    if (!key?.startsWith(this.#prefix)) return null;
    return { id: key.slice(this.#prefix.length), record: this.#parse(newValue) };
  }

  #keys() {
    const keys = Array.from({ length: this.#storage.length }, (_, index) => this.#storage.key(index));
    return keys.flatMap((key) => (key?.startsWith(this.#prefix) ? [key] : []));
  }

  /**
   * @param {string|null} text
   * @returns {UploadRecord|null}
   */
  #parse(text) {
    try {
      return JSON.parse(text ?? 'null');
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return null;
    }
  }
}
