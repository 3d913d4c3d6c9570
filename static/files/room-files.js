/**
 * The files of a stream as they are looked through: a page at a time, filtered, and kept up to date by events.
 *
 * Events: `change`.
 *
 * @import { ListedFile, Person, RoomEvent } from '../connection/protocol-shapes.js'
 * @import { Send } from '../connection/stream-registry.js'
 * @import { FileFilter } from './file-list-state.js'
 */
import { CommandError } from '../connection/command-error.js';
import { eventApplied, joined } from './file-list-state.js';

const FIRST_FILES = 8;
const MORE_FILES = 30;

export class RoomFiles extends EventTarget {
  /** @type {readonly ListedFile[]} Newest first. */
  files = [];
  /** @type {FileFilter} */
  filter = { kind: '', name: '' };
  /** Whether there are older ones. */
  hasMore = false;
  isLoaded = false;
  /** @type {CommandError|null} */
  problem = null;
  /** @type {RoomEvent[]|null} Events since the request that is under way. */
  #meanwhile = null;
  /** The latest request: what an earlier one brings does not count any more. */
  #request = 0;
  #send;
  #learn;

  /**
   * @param {string} stream
   * @param {Send} send
   * @param {(people: Person[]) => void} learn Told who sent them: some may have left long ago.
   */
  constructor(stream, send, learn) {
    super();
    this.stream = stream;
    this.#send = send;
    this.#learn = learn;
  }

  /** @param {FileFilter} filter Look for other ones. */
  async search(filter) {
    this.filter = filter;
    await this.load();
  }

  /** Fetch the newest. */
  async load() {
    const page = await this.#fetch({ limit: FIRST_FILES });
    if (!page) return;
    this.hasMore = page.more;
    this.isLoaded = true;
    this.#become(page.files, page.meanwhile);
  }

  async loadMore() {
    const last = this.files.at(-1);
    if (!last) return;
    const page = await this.#fetch({ limit: MORE_FILES, before: { seq: last.seq, position: last.position } });
    if (!page) return;
    this.hasMore = page.more;
    this.#become(joined(this.files, page.files), page.meanwhile);
  }

  /** @param {readonly RoomEvent[]} events */
  receive(events) {
    this.#meanwhile?.push(...events);
    this.#become(this.files, events);
    if (this.isLoaded && events.some(({ kind }) => kind === 'messages_restored')) void this.load();
  }

  /**
   * @param {readonly ListedFile[]} files
   * @param {readonly RoomEvent[]} events
   */
  #become(files, events) {
    let changed = files;
    for (const event of events) changed = eventApplied(changed, event, this.filter);
    if (changed === this.files) return;
    this.files = changed;
    this.dispatchEvent(new Event('change'));
  }

  /**
   * @param {Record<string, unknown>} where
   * @returns {Promise<{files: ListedFile[], more: boolean, meanwhile: RoomEvent[]}|null>} Null where it is of no use any
   *   more.
   */
  async #fetch(where) {
    this.#request += 1;
    const request = this.#request;
    /** @type {RoomEvent[]} */
    const meanwhile = [];
    this.#meanwhile = meanwhile;
    const { kind, name } = this.filter;
    try {
      const page = await this.#send('list_files', { stream: this.stream, ...where, ...(kind && { kind }), ...(name && { name }) });
      if (request !== this.#request) return null;
      this.#meanwhile = null;
      this.problem = null;
      this.#learn(page.people);
      return { ...page, meanwhile };
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      if (request !== this.#request) return null;
      this.#meanwhile = null;
      this.problem = error;
      this.dispatchEvent(new Event('change'));
      return null;
    }
  }
}
