/**
 * The entries of the outbox, in memory and, between two loads of the page, in the browser's storage: one key for each
 * entry, under the account's own prefix, so that two tabs never overwrite each other, and another account never sees it. A
 * full or forbidden storage is not an error: what was written then lives as long as the page.
 *
 * @typedef {object} OutboxEntry
 * @property {string} client_command_id
 * @property {string} command
 * @property {string} stream
 * @property {Record<string, any>} fields
 * @property {number} order Rises with every entry.
 * @property {'pending'|'failed'} state
 * @property {{code: string, params: Record<string, string|number>}|null} error
 * @property {boolean} [ahead] It does not wait for the posts before it.
 */
export class OutboxEntries {
  /** @type {readonly OutboxEntry[]} In the order they were written in. */
  all = [];
  #storage;
  #prefix;

  /**
   * @param {Storage} storage
   * @param {string} accountId
   */
  constructor(storage, accountId) {
    this.#storage = storage;
    this.#prefix = `workroom.outbox.${accountId}.`;
    this.takeOthers();
  }

  /** @returns {boolean} Whether other tabs had left anything in the storage that was not held here yet. */
  takeOthers() {
    const stored = this.#keys().flatMap((key) => parse(this.#storage.getItem(key)) ?? []);
    const others = stored.filter(({ client_command_id: id }) => !this.find(id));
    this.all = [...this.all, ...others].sort((one, other) => one.order - other.order);
    return others.length > 0;
  }

  /** @param {string} clientCommandId */
  find(clientCommandId) {
    return this.all.find((entry) => entry.client_command_id === clientCommandId);
  }

  /** @param {OutboxEntry} entry The newest. */
  add(entry) {
    this.all = [...this.all, entry];
    this.save(entry);
  }

  /** @param {OutboxEntry} entry */
  save(entry) {
    try {
      this.#storage.setItem(this.#prefix + entry.client_command_id, JSON.stringify(entry));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
    }
  }

  /**
   * What another tab made of an entry; how it stands here is this tab's own business.
   *
   * @param {OutboxEntry} changed
   * @returns {boolean} Whether it is held here.
   */
  adopt({ client_command_id: id, fields, ahead }) {
    const entry = this.find(id);
    if (entry) Object.assign(entry, { fields, ahead });
    return entry !== undefined;
  }

  /** @param {OutboxEntry} entry */
  remove(entry) {
    this.all = this.all.filter((other) => other !== entry);
    this.#storage.removeItem(this.#prefix + entry.client_command_id);
  }

  /** Also what other tabs left. */
  clear() {
    this.all = [];
    for (const key of this.#keys()) this.#storage.removeItem(key);
  }

  /**
   * What another tab changed.
   *
   * @param {{key: string|null, newValue: string|null}} change
   * @returns {{id: string, entry: OutboxEntry|null}|null} Null where it is about something else.
   */
  changed({ key, newValue }) {
    return key?.startsWith(this.#prefix) ? { id: key.slice(this.#prefix.length), entry: parse(newValue) } : null;
  }

  #keys() {
    const keys = Array.from({ length: this.#storage.length }, (_, index) => this.#storage.key(index));
    return keys.flatMap((key) => (key?.startsWith(this.#prefix) ? [key] : []));
  }
}

/**
 * @param {string|null} text
 * @returns {OutboxEntry|null}
 */
function parse(text) {
  try {
    return JSON.parse(text ?? 'null');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return null;
  }
}
