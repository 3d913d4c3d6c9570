/**
 * One file on its way to the service: begun, sent, paused, gone on with where the service says that it stands, until it
 * is whole. A lost line, a busy or full service are waited out; what needs the person says so.
 *
 * Events: `change` (it stands otherwise), `progress` (bytes left).
 *
 * @import { Timers } from '../connection/timers.js'
 * @import { TusClient } from './tus-client.js'
 * @import { UploadRecord } from './upload-record.js'
 *
 * @typedef {'queued'|'sending'|'waiting'|'paused'|'whole'|'failed'|'missing'} UploadState
 *   `waiting`: it goes on by itself; `missing`: the file has to be chosen again.
 *
 * @typedef {object} UploadParts
 * @property {TusClient} client
 * @property {(id: string) => Promise<File|null>} findFile
 * @property {(record: UploadRecord) => void} save
 * @property {(name: string, signal: AbortSignal, act: () => Promise<void>) => Promise<void>} alone Does it while no
 *   other window does.
 * @property {Timers} timers
 * @property {() => number} [random]
 */
import { BackOff } from '../connection/back-off.js';
import { CommandError } from '../connection/command-error.js';
import { FileSender, isReadable } from './file-sender.js';

/** Refusals that end by themselves: others of ours are whole soon, a new session is there, shorter pieces pass. */
const PASSING = Object.freeze(['limit_reached', 'sign_in_required', 'offset_mismatch', 'proxy_too_large']);
const LONGEST_WAIT_MS = 30_000;

export class Upload extends EventTarget {
  /** @type {UploadState} */
  state;
  /** @type {{code: string, params: Record<string, string|number>}|null} */
  problem = null;
  /** How many bytes have left. */
  sentBytes = 0;
  /** @type {AbortController|null} */
  #running = null;
  /** @type {Promise<string>|null} The creation that is on its way. */
  #beginning = null;
  #isDropped = false;
  /** Ends a wait, if there is one. */
  #wake = () => {};
  /** @type {File|null} */
  #file;
  #doubts = 0;
  #backOff;
  #sender;
  #parts;

  /**
   * @param {UploadRecord} record
   * @param {File|null} file Null where it has to be looked for.
   * @param {UploadParts} parts
   */
  constructor(record, file, parts) {
    super();
    this.record = record;
    this.state = record.is_whole ? 'whole' : record.is_paused ? 'paused' : 'queued';
    this.sentBytes = record.is_whole ? record.byte_size : record.sent_bytes;
    this.#file = file;
    this.#parts = parts;
    this.#backOff = new BackOff({ baseMs: 1_000, limitMs: LONGEST_WAIT_MS, random: parts.random });
    this.#sender = new FileSender(parts.client, parts.timers, (bytes, isAcknowledged) => {
      this.sentBytes = bytes;
      if (isAcknowledged) {
        this.#backOff.succeed();
        this.change({ sent_bytes: bytes });
      }
      this.dispatchEvent(new Event('progress'));
    });
  }

  get id() {
    return this.record.id;
  }

  /** @returns {number|null} */
  get secondsLeft() {
    return this.state === 'sending' ? this.#sender.secondsLeft(this.record.byte_size - this.sentBytes) : null;
  }

  /** Whether it goes on by itself. */
  get isComing() {
    return this.state === 'queued' || this.state === 'sending' || this.state === 'waiting';
  }

  /** Whether it has its turn. */
  get isRunning() {
    return this.#running !== null;
  }

  /** Whether its creation is on its way. */
  get isBeginning() {
    return this.#beginning !== null;
  }

  /** It is its turn. */
  start() {
    if (this.state !== 'queued' || this.#running) return;
    const running = new AbortController();
    const { signal } = running;
    this.#running = running;
    void this.#parts.alone(`workroom.upload.${this.id}`, signal, () => this.#run(signal)).finally(() => {
      if (this.#running === running) this.#running = null;
      this.dispatchEvent(new Event('change'));
    });
  }

  /** The line came back, or somebody looks: do not sit out a long delay. */
  hurry() {
    this.#wake();
  }

  pause() {
    if (!this.isComing) return;
    this.stop();
    this.#become('paused');
    this.change({ is_paused: true, sent_bytes: this.sentBytes });
  }

  /** Go on after a pause, or try again after a failure. */
  resume() {
    if (this.state !== 'paused' && this.state !== 'failed') return;
    this.change({ is_paused: false });
    this.#become('queued');
  }

  /**
   * The file was chosen again.
   *
   * @param {File} file
   */
  supply(file) {
    this.#file = file;
    if (this.state === 'missing') this.#become('queued');
  }

  /**
   * The service did not take it for whole when a message named it: ask how it stands.
   *
   * @param {string} code
   * @returns {boolean} Whether that can help.
   */
  doubt(code) {
    if (this.state !== 'whole' || (code === 'not_found' && this.#doubts > 0)) return false;
    this.#doubts += 1;
    this.change({ is_whole: false });
    this.#become('queued');
    return true;
  }

  /**
   * Another window changed it.
   *
   * @param {UploadRecord} record
   */
  adopt(record) {
    this.record = record;
    if (record.is_whole && this.state !== 'whole') {
      this.stop();
      this.sentBytes = record.byte_size;
      this.#become('whole');
    } else if (record.is_paused && this.isComing) {
      this.stop();
      this.#become('paused');
    } else if (!record.is_paused && this.state === 'paused') this.#become('queued');
    else this.dispatchEvent(new Event('change'));
  }

  /** Send no more of it. */
  stop() {
    const running = this.#running;
    this.#running = null;
    running?.abort(new DOMException('Stopped', 'AbortError'));
  }

  /** Send no more of it, and keep nothing. */
  drop() {
    this.#isDropped = true;
    this.stop();
  }

  /**
   * Begin it at the service, if it is not yet. Nothing cuts this off: what was begun counts there, and who does not know
   * its id can neither go on with it nor end it. Asked again where no answer came, the service says the same id.
   */
  async begin() {
    const { id, name, stream, byte_size: byteSize, file_id: known } = this.record;
    if (known) return known;
    this.change({ is_asked: true });
    this.#beginning ??= this.#parts.client.begin({ id, name, stream, byteSize }).finally(() => {
      this.#beginning = null;
    });
    const fileId = await this.#beginning;
    this.change({ file_id: fileId });
    return fileId;
  }

  /** @param {Partial<UploadRecord>} changes Keep them. */
  change(changes) {
    this.record = { ...this.record, ...changes };
    if (!this.#isDropped) this.#parts.save(this.record);
    this.dispatchEvent(new Event('change'));
  }

  /** @param {CommandError} error It cannot be sent. */
  fail({ code, params }) {
    this.#become('failed', { code, params });
  }

  /** @param {AbortSignal} signal */
  async #run(signal) {
    // The service may still be at the end of what it was sent before.
    if (this.#doubts > 0) await this.#wait(this.#backOff.nextDelayMs(), signal);
    this.#file ??= await this.#parts.findFile(this.id);
    const file = this.#file;
    if (!file && !signal.aborted) this.#become('missing');
    while (file && !signal.aborted) {
      try {
        await this.#send(file, signal);
        if (signal.aborted) return;
        this.change({ is_whole: true });
        return this.#become('whole');
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof CommandError)) throw error;
        if (!(await this.#goesOn(error, file, signal))) return;
      }
    }
  }

  /**
   * @param {File} file
   * @param {AbortSignal} signal
   */
  async #send(file, signal) {
    const { client } = this.#parts;
    const { file_id: known } = this.record;
    const offset = known ? await client.askOffset(known, signal) : 0;
    const fileId = known ?? (await this.begin());
    if (signal.aborted) return;
    this.#become('sending');
    await this.#sender.send(file, fileId, offset, signal);
  }

  /**
   * @param {CommandError} error
   * @param {File} file
   * @param {AbortSignal} signal
   * @returns {Promise<boolean>} Whether it goes on: at once, or after a while.
   */
  async #goesOn(error, file, signal) {
    const { code, params } = error;
    if (code === 'not_found' && this.record.file_id) {
      // It was given up after a day: from the beginning.
      this.change({ file_id: null, is_asked: false });
      return true;
    }
    const isGone = code === 'not_connected' && !(await isReadable(file));
    if (isGone) this.fail(new CommandError('file_unreadable'));
    else if (!error.retry && !PASSING.includes(code)) this.fail(error);
    else {
      this.#become('waiting', { code, params });
      const asked = Number(params.retry_after_seconds ?? 0) * 1000;
      await this.#wait(asked + this.#backOff.nextDelayMs(), signal);
      return !signal.aborted;
    }
    return false;
  }

  /**
   * @param {number} delayMs
   * @param {AbortSignal} signal
   */
  async #wait(delayMs, signal) {
    const { timers } = this.#parts;
    if (signal.aborted) return;
    await new Promise((resolve) => {
      const wake = () => resolve(null);
      const timer = timers.set(wake, delayMs);
      this.#wake = wake;
      signal.addEventListener('abort', () => (timers.clear(timer), wake()), { once: true });
    });
  }

  /**
   * @param {UploadState} state
   * @param {Upload['problem']} [problem]
   */
  #become(state, problem = null) {
    this.state = state;
    this.problem = problem;
    this.dispatchEvent(new Event('change'));
  }
}
