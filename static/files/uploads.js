/**
 * The uploads of an account in this browser: what lies with a message that is being written, and what a message in the
 * outbox waits for. They survive a reload; a few are on their way at a time, in the order they were chosen in.
 *
 * Events: `change` (one came, went, or stands otherwise).
 *
 * @import { Limits } from '../connection/protocol-shapes.js'
 * @import { Timers } from '../connection/timers.js'
 * @import { FileKeeper } from './file-keeper.js'
 * @import { Thumbnails } from './thumbnails.js'
 * @import { TusClient } from './tus-client.js'
 * @import { UploadParts } from './upload.js'
 *
 * @typedef {'ready'|'coming'|'aside'} Readiness Whether the files of a message are there, on their way, or wait for the
 *   person.
 */
import { CommandError } from '../connection/command-error.js';
import { browserTimers } from '../connection/timers.js';
import { fingerprint, fingerprintOfFile } from './fingerprint.js';
import { inOneWindow } from './one-window.js';
import { Upload } from './upload.js';
import { endUpload } from './upload-ending.js';
import { recordOf } from './upload-record.js';
import { UploadStorage } from './upload-storage.js';

const MOST_AT_ONCE = 3;

export class Uploads extends EventTarget {
  /** @type {Pick<Limits, 'files_per_message'|'file_bytes'>} Usual ones, until the service says its own. */
  #limits = { files_per_message: 20, file_bytes: Infinity };
  /** @type {Upload[]} In order. */
  #uploads = [];
  #closed = false;
  #storage;
  #keeper;
  #client;
  #timers;
  /** @type {UploadParts} */
  #parts;

  /**
   * @param {object} options
   * @param {string} options.accountId
   * @param {Storage} options.storage
   * @param {Pick<FileKeeper, 'keep'|'find'|'forget'|'forgetOthers'|'clear'>} options.keeper
   * @param {TusClient} options.client
   * @param {Pick<Thumbnails, 'make'|'find'|'rename'|'release'|'clear'>} options.thumbnails
   * @param {Timers} [options.timers]
   * @param {UploadParts['alone']} [options.alone]
   */
  constructor({ accountId, storage, keeper, client, thumbnails, timers = browserTimers, alone = inOneWindow }) {
    super();
    this.#storage = new UploadStorage(storage, accountId);
    this.#keeper = keeper;
    this.#client = client;
    /** By the id of an upload, or of the file that it became. */
    this.thumbnails = thumbnails;
    this.#timers = timers;
    const save = (/** @type {Upload['record']} */ record) => this.#storage.save(record);
    this.#parts = { client, timers, alone, save, findFile: (id) => keeper.find(id) };
  }

  /** Go on with what was under way when the page was left. */
  start() {
    for (const record of this.#storage.load()) this.#hold(new Upload(record, null, this.#parts));
    void this.#keeper.forgetOthers((id) => this.#storage.has(id));
    for (const upload of this.#uploads) void this.#picture(upload, this.#keeper.find(upload.id));
    this.#changed();
  }

  /**
   * Files were chosen for the message that is being written. One that waits to be chosen again goes on instead.
   *
   * @param {string} stream
   * @param {readonly File[]} files
   * @returns {number} How many were left out, because a message takes no more.
   */
  add(stream, files) {
    const fresh = files.filter((file) => !this.#isSupplied(stream, file));
    const room = Math.max(0, this.#limits.files_per_message - this.draftsOf(stream).length);
    for (const file of fresh.slice(0, room)) this.#begin(stream, file);
    this.#changed();
    return Math.max(0, fresh.length - room);
  }

  /**
   * @param {string} stream
   * @returns {Upload[]} Those of the message that is being written.
   */
  draftsOf(stream) {
    return this.#uploads.filter(({ record }) => record.stream === stream && !record.is_taken);
  }

  /**
   * The message was written: it has what lay with it.
   *
   * @param {string} stream
   * @returns {string[]}
   */
  takeDrafts(stream) {
    const drafts = this.draftsOf(stream);
    for (const upload of drafts) upload.change({ is_taken: true });
    return drafts.map(({ id }) => id);
  }

  /** @param {string} id */
  find(id) {
    return this.#uploads.find((upload) => upload.id === id);
  }

  /**
   * @param {readonly string[]} ids
   * @returns {Upload[]} Those of them that are known.
   */
  listOf(ids) {
    return ids.flatMap((id) => this.find(id) ?? []);
  }

  /**
   * @param {readonly string[]} ids
   * @returns {Readiness}
   */
  readinessOf(ids) {
    const uploads = this.listOf(ids);
    if (uploads.length < ids.length) return 'aside';
    if (uploads.every(({ state }) => state === 'whole')) return 'ready';
    return uploads.every((upload) => upload.state === 'whole' || upload.isComing) ? 'coming' : 'aside';
  }

  /**
   * @param {readonly string[]} ids Of uploads that are whole.
   * @returns {{file_id: string|null, alt_text: string}[]} As a message names them.
   */
  filesOf(ids) {
    return this.listOf(ids).map(({ record: { file_id, alt_text } }) => ({ file_id, alt_text }));
  }

  /**
   * The service did not take a message because of its files.
   *
   * @param {readonly string[]} ids
   * @param {string} code
   * @returns {boolean} Whether they are asked again how they stand, and the message waits for that.
   */
  doubt(ids, code) {
    if (code !== 'not_received' && code !== 'not_found') return false;
    return this.listOf(ids).filter((upload) => upload.doubt(code)).length > 0;
  }

  /** @param {readonly string[]} ids A message has them for good: nothing is left to do. */
  claimed(ids) {
    for (const upload of this.listOf(ids)) this.#handOver(upload);
    this.#changed();
  }

  /** @param {string} id Throw one away, here and at the service. */
  cancel(id) {
    const upload = this.find(id);
    if (!upload) return;
    this.#drop(upload);
    this.thumbnails.release(id);
    if (upload.record.is_asked) void endUpload(this.#client, upload, this.#timers);
    this.#changed();
  }

  /** @param {string} stream Its room is left: nothing can be sent there any more. */
  leave(stream) {
    for (const { id, record } of [...this.#uploads]) if (record.stream === stream) this.cancel(id);
  }

  /**
   * Put the file to an upload that waits to have it chosen again.
   *
   * @param {string} id
   * @param {File} file
   * @returns {boolean} Whether it is the same file.
   */
  supply(id, file) {
    const upload = this.find(id);
    if (!upload || fingerprint(upload.record) !== fingerprintOfFile(file, upload.record.stream)) return false;
    upload.supply(file);
    void this.#keeper.keep(id, file);
    void this.#picture(upload, file);
    return true;
  }

  get mostFiles() {
    return this.#limits.files_per_message;
  }

  /** @param {Pick<Limits, 'files_per_message'|'file_bytes'>} limits The line is there: nothing sits out a long delay. */
  connected(limits) {
    this.#limits = limits;
    for (const upload of this.#uploads) upload.hurry();
  }

  /** @param {{key: string|null, newValue: string|null}} change By another window, which went on with one, or ended it. */
  storageChanged(change) {
    const changed = this.#storage.changed(change);
    if (!changed || this.#closed) return;
    const upload = this.find(changed.id);
    if (upload && changed.record) upload.adopt(changed.record);
    else if (upload) {
      // That one may not know what is just being begun here.
      if (upload.isBeginning) void endUpload(this.#client, upload, this.#timers);
      this.#handOver(upload);
    } else if (changed.record) this.#hold(new Upload(changed.record, null, this.#parts));
    this.#changed();
  }

  /** Send nothing more; what is left stays for the next load of the page. */
  end() {
    this.#closed = true;
    for (const upload of this.#uploads) upload.stop();
  }

  /** Signed out: nothing is left in this browser. */
  clear() {
    this.#closed = true;
    for (const upload of this.#uploads) upload.drop();
    this.#uploads = [];
    this.#storage.clear();
    this.thumbnails.clear();
    void this.#keeper.clear();
  }

  /**
   * @param {string} stream
   * @param {File} file
   */
  #begin(stream, file) {
    const order = Math.max((this.#uploads.at(-1)?.record.order ?? 0) + 1, this.#timers.now());
    const upload = new Upload(recordOf(file, stream, order), file, this.#parts);
    this.#hold(upload);
    if (file.size > this.#limits.file_bytes) {
      upload.fail(new CommandError('too_large', { params: { limit: this.#limits.file_bytes } }));
      return;
    }
    this.#storage.save(upload.record);
    void this.#keeper.keep(upload.id, file);
    void this.#picture(upload, file);
  }

  /**
   * @param {string} stream
   * @param {File} file
   */
  #isSupplied(stream, file) {
    const wanted = fingerprintOfFile(file, stream);
    const upload = this.#uploads.find(({ state, record }) => state === 'missing' && fingerprint(record) === wanted);
    return upload ? this.supply(upload.id, file) : false;
  }

  /**
   * Make the small picture, and keep how large the picture itself is: its place in the message is that of the message
   * once it is posted.
   *
   * @param {Upload} upload
   * @param {File|Promise<File|null>} content
   */
  async #picture(upload, content) {
    const file = await content;
    const thumbnail = file && (await this.thumbnails.make(upload.id, file));
    if (!thumbnail) return;
    const { width, height } = thumbnail;
    const { is_whole, file_id } = upload.record;
    if (this.find(upload.id) === upload) upload.change({ picture_size: { width, height } });
    else if (is_whole && file_id) this.thumbnails.rename(upload.id, file_id);
    else this.thumbnails.release(upload.id);
  }

  /** @param {Upload} upload */
  #hold(upload) {
    this.#uploads.push(upload);
    upload.addEventListener('change', this.#changed);
  }

  /** @param {Upload} upload Whoever shows its message shows it with the small picture. */
  #handOver(upload) {
    if (upload.record.file_id) this.thumbnails.rename(upload.id, upload.record.file_id);
    this.#drop(upload);
  }

  /** @param {Upload} upload */
  #drop(upload) {
    upload.removeEventListener('change', this.#changed);
    upload.drop();
    this.#uploads = this.#uploads.filter((other) => other !== upload);
    this.#storage.remove(upload.id);
    void this.#keeper.forget(upload.id);
  }

  #changed = () => {
    if (this.#closed) return;
    const free = MOST_AT_ONCE - this.#uploads.filter((upload) => upload.isRunning).length;
    const next = this.#uploads.filter((upload) => upload.state === 'queued' && !upload.isRunning);
    for (const upload of next.slice(0, Math.max(0, free))) upload.start();
    this.dispatchEvent(new Event('change'));
  };
}
