/**
 * What was written and is not acknowledged yet. It survives a reload, leaves in the order it was written in (each stream
 * for itself, one at a time), and is sent again under the same `client_command_id` until the server has answered, so that
 * it arrives once. What the server refuses for good stays visible until the person sends it anew or throws it away.
 *
 * A post may wait for something of its own, its files. While that is on its way the posts after it wait too, so that they
 * stand in the order they were written in, unless the person sends one ahead. One that waits for the person steps aside.
 *
 * All tabs of an account share one storage: what another tab left there is sent from here too.
 *
 * @import { Needs } from './needs.js'
 * @import { OutboxEntry } from './outbox-entries.js'
 * @import { Timers } from './timers.js'
 *
 * @typedef {object} OutboxListener
 * @property {() => void} [onChange]
 * @property {(entry: OutboxEntry, result: any) => void} [onDelivered]
 */
import { BackOff } from './back-off.js';
import { CommandError, isLineLost } from './command-error.js';
import { mintCommandId } from './command-id.js';
import { NOTHING } from './needs.js';
import { OutboxEntries } from './outbox-entries.js';
import { browserTimers } from './timers.js';

/** How long another tab may take to send what it has just written. */
const OTHERS_MS = 5_000;

export class Outbox {
  /** @type {Map<string, BackOff>} One for each stream that has something under way. */
  #underWay = new Map();
  #connected = false;
  #closed = false;
  #entries;
  #send;
  #listener;
  #needs;
  #timers;
  #mintId;

  /**
   * @param {object} options
   * @param {string} options.accountId
   * @param {Storage} options.storage
   * @param {(command: string, fields: Record<string, unknown>) => Promise<any>} options.send
   * @param {OutboxListener} [options.listener]
   * @param {Needs} [options.needs]
   * @param {Timers} [options.timers]
   * @param {() => string} [options.mintId]
   */
  constructor({ accountId, storage, send, listener = {}, needs = NOTHING, timers = browserTimers, mintId = mintCommandId }) {
    this.#entries = new OutboxEntries(storage, accountId);
    this.#send = send;
    this.#listener = listener;
    this.#needs = needs;
    this.#timers = timers;
    this.#mintId = mintId;
  }

  /**
   * What waits or failed in a stream, oldest first.
   *
   * @param {string} stream
   * @returns {OutboxEntry[]}
   */
  of(stream) {
    return this.entries.filter((entry) => entry.stream === stream);
  }

  /** @returns {readonly OutboxEntry[]} What waits or failed anywhere, oldest first. */
  get entries() {
    return this.#entries.all;
  }

  /**
   * Take a command and send it when its turn comes.
   *
   * @param {string} command
   * @param {string} stream
   * @param {Record<string, any>} fields
   * @returns {OutboxEntry}
   */
  put(command, stream, fields) {
    const last = this.entries.at(-1)?.order ?? 0;
    /** @type {OutboxEntry} */
    const entry = {
      client_command_id: this.#mintId(),
      command,
      stream,
      fields,
      order: Math.max(last + 1, this.#timers.now()),
      state: 'pending',
      error: null,
    };
    this.#entries.add(entry);
    this.#changed();
    this.#advance(stream);
    return entry;
  }

  connected() {
    this.#connected = true;
    this.takeOthers();
  }

  /** What other tabs wrote may have nobody else to send it. Where both do, the id is the same: it arrives once. */
  takeOthers() {
    if (this.#closed) return;
    if (this.#entries.takeOthers()) this.#changed();
    this.advance();
  }

  /** @param {{key: string|null, newValue: string|null}} change By another tab. */
  storageChanged(change) {
    const changed = this.#entries.changed(change);
    if (!changed || this.#closed) return;
    const { id, entry } = changed;
    // Sent, thrown away, or sent anew: what it needed is that tab's business.
    if (!entry) this.#drop(id);
    else if (this.#entries.adopt(entry)) this.#changed();
    else this.#timers.set(() => this.takeOthers(), OTHERS_MS);
  }

  /** What entries waited for may be there. */
  advance() {
    for (const stream of new Set(this.entries.map((entry) => entry.stream))) this.#advance(stream);
  }

  /** @param {OutboxEntry} entry One that is acknowledged is held no more. */
  holds(entry) {
    return this.entries.includes(entry);
  }

  /**
   * Whether a post waits for another one before it.
   *
   * @param {OutboxEntry} entry
   */
  waitsForOthers(entry) {
    if (entry.command !== 'post_message' || entry.ahead || !this.#isReady(entry)) return false;
    const before = this.of(entry.stream).filter((other) => other.order < entry.order);
    return before.some((other) => other.state === 'pending' && this.#needs.readinessOf(other) === 'coming');
  }

  /**
   * Change what waits to be sent.
   *
   * @param {string} clientCommandId
   * @param {Partial<Pick<OutboxEntry, 'fields'|'ahead'>>} changes
   */
  change(clientCommandId, changes) {
    const entry = this.#entries.find(clientCommandId);
    if (!entry) return;
    this.#entries.save(Object.assign(entry, changes));
    this.#changed();
    this.#advance(entry.stream);
  }

  disconnected() {
    this.#connected = false;
  }

  /**
   * Send again what was refused: under a new id, because the old one may be what was refused.
   *
   * @param {string} clientCommandId
   */
  retry(clientCommandId) {
    const entry = this.#entries.find(clientCommandId);
    if (!entry || entry.state !== 'failed') return;
    // The new one is stored before the old one goes: a page that ends in between loses nothing.
    this.put(entry.command, entry.stream, entry.fields);
    this.#drop(clientCommandId);
  }

  /** @param {string} clientCommandId */
  discard(clientCommandId) {
    this.#drop(clientCommandId, (entry) => this.#needs.release(entry, false));
  }

  /**
   * It was seen done, as an event: nothing is left to send.
   *
   * @param {string} clientCommandId
   */
  settle(clientCommandId) {
    this.#drop(clientCommandId, (entry) => this.#needs.release(entry, true));
  }

  /** Send nothing more; what is left stays for the next load of the page. */
  end() {
    this.#closed = true;
  }

  /** Signed out: what is left is nobody's business any more. */
  clear() {
    this.end();
    this.#entries.clear();
    this.#changed();
  }

  /** @param {string} stream */
  #advance(stream) {
    if (!this.#connected || this.#closed || this.#underWay.has(stream) || !this.#nextOf(stream)) return;
    this.#underWay.set(stream, new BackOff({ baseMs: 1_000 }));
    void this.#sendAll(stream);
  }

  /** @param {string} stream */
  async #sendAll(stream) {
    try {
      let next = this.#nextOf(stream);
      while (next && this.#connected && !this.#closed) {
        await this.#deliver(next);
        next = this.#nextOf(stream);
      }
    } finally {
      this.#underWay.delete(stream);
    }
    // The line may have come back while the last attempt was failing.
    if (this.#connected && this.#nextOf(stream)) this.#advance(stream);
  }

  /** @param {OutboxEntry} entry */
  async #deliver(entry) {
    const { client_command_id, stream } = entry;
    try {
      const fields = this.#needs.fieldsOf(entry);
      const result = await this.#send(entry.command, { client_command_id, stream, ...fields });
      this.#underWay.get(stream)?.succeed();
      this.#entries.remove(entry);
      this.#listener.onDelivered?.(entry, result);
      this.#needs.release(entry, true);
      this.#changed();
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      if (this.#needs.mend(entry, error)) return;
      if (error.retry) await this.#waitAfter(stream, error);
      else this.#fail(entry, error);
    }
  }

  /**
   * @param {string} stream
   * @param {CommandError} error
   */
  async #waitAfter(stream, error) {
    const asked = Number(error.params.retry_after_seconds ?? 0) * 1000;
    // Without a line nothing is waited for here: `connected` begins anew.
    if (isLineLost(error)) this.#connected = false;
    if (!this.#connected) return;
    const delayMs = asked + (this.#underWay.get(stream)?.nextDelayMs() ?? 0);
    await new Promise((resolve) => this.#timers.set(() => resolve(null), delayMs));
  }

  /**
   * @param {OutboxEntry} entry
   * @param {CommandError} error
   */
  #fail(entry, error) {
    entry.state = 'failed';
    entry.error = { code: error.code, params: error.params };
    if (this.holds(entry)) this.#entries.save(entry);
    this.#changed();
  }

  /** @param {string} stream */
  #nextOf(stream) {
    const pending = this.of(stream).filter((entry) => entry.state === 'pending');
    return pending.find((entry) => this.#isReady(entry) && !this.waitsForOthers(entry));
  }

  /** @param {OutboxEntry} entry */
  #isReady(entry) {
    return entry.state === 'pending' && this.#needs.readinessOf(entry) === 'ready';
  }

  /**
   * @param {string} clientCommandId
   * @param {(entry: OutboxEntry) => void} [release]
   */
  #drop(clientCommandId, release) {
    const entry = this.#entries.find(clientCommandId);
    if (!entry) return;
    this.#entries.remove(entry);
    release?.(entry);
    this.#changed();
    this.#advance(entry.stream);
  }

  #changed() {
    this.#listener.onChange?.();
  }
}
