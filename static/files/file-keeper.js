/**
 * Keeps what is being sent in the browser's own database until a message has it, so that nobody has to choose a file
 * again after a reload. One database for each account, which goes when the person signs out. Very large files are not
 * copied, and a browser may refuse: then the file has to be chosen again, and nothing else is lost.
 */
const LARGEST_BYTES = 1024 ** 3;
const FILES = 'files';

export class FileKeeper {
  #name;
  /** @type {Promise<IDBDatabase|null>|null} */
  #opening = null;

  /** @param {string} accountId */
  constructor(accountId) {
    this.#name = `workroom.files.${accountId}`;
  }

  /**
   * @param {string} id
   * @param {File} file
   */
  async keep(id, file) {
    if (file.size <= LARGEST_BYTES && (await hasRoom(file.size))) await this.#do('readwrite', (files) => files.put(file, id));
  }

  /**
   * @param {string} id
   * @returns {Promise<File|null>} Null where it could not be kept.
   */
  async find(id) {
    const file = await this.#do('readonly', (files) => files.get(id));
    return file instanceof File ? file : null;
  }

  /** @param {string} id */
  async forget(id) {
    await this.#do('readwrite', (files) => files.delete(id));
  }

  /**
   * Forget what nobody waits for any more.
   *
   * @param {(id: string) => boolean} isWanted
   */
  async forgetOthers(isWanted) {
    const ids = (await this.#do('readonly', (files) => files.getAllKeys())) ?? [];
    for (const id of ids) if (!isWanted(String(id))) await this.forget(String(id));
  }

  /** Signed out: nothing is left in this browser. */
  async clear() {
    (await this.#opening)?.close();
    this.#opening = null;
    indexedDB.deleteDatabase(this.#name);
  }

  /**
   * @template Result
   * @param {IDBTransactionMode} mode
   * @param {(files: IDBObjectStore) => IDBRequest<Result>} act
   * @returns {Promise<Result|null>} Null where the browser could not, or would not.
   */
  async #do(mode, act) {
    this.#opening ??= this.#open();
    const database = await this.#opening;
    if (!database) return null;
    try {
      const transaction = database.transaction(FILES, mode, { durability: 'relaxed' });
      const request = act(transaction.objectStore(FILES));
      return await new Promise((resolve) => {
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = () => resolve(null);
      });
    } catch (error) {
      // The database was closed meanwhile, or takes no files.
      if (!(error instanceof DOMException)) throw error;
      return null;
    }
  }

  /** @returns {Promise<IDBDatabase|null>} */
  #open() {
    return new Promise((resolve) => {
      const request = indexedDB.open(this.#name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(FILES);
      request.onerror = () => resolve(null);
      request.onsuccess = () => {
        const database = request.result;
        // Another window signs out: it must not wait for us.
        database.onversionchange = () => {
          database.close();
          this.#opening = null;
        };
        resolve(database);
      };
    });
  }
}

/** @param {number} byteSize */
async function hasRoom(byteSize) {
  // Only secure contexts are told.
  const { quota, usage = 0 } = (await navigator.storage?.estimate()) ?? {};
  return quota === undefined || quota - usage > 2 * byteSize;
}
