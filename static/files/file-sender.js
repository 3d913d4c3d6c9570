/**
 * Sends one file piece by piece, from where the service says that it stands. How long a piece is follows from how fast
 * they leave, and from what the way to the service lets through.
 *
 * @import { TusClient } from './tus-client.js'
 * @import { Timers } from '../connection/timers.js'
 */
import { CommandError } from '../connection/command-error.js';
import { Pace } from './pace.js';

const SMALLEST_PIECE = 256 * 1024;

export class FileSender {
  #mostBytes = Infinity;
  #pace = new Pace();
  #client;
  #timers;
  #onReached;

  /**
   * @param {TusClient} client
   * @param {Timers} timers
   * @param {(bytes: number, isAcknowledged: boolean) => void} onReached So many bytes of the file
   *   have left, or are there for good.
   */
  constructor(client, timers, onReached) {
    this.#client = client;
    this.#timers = timers;
    this.#onReached = onReached;
  }

  /**
   * @param {File} file
   * @param {string} fileId
   * @param {number} offset How many bytes the service has.
   * @param {AbortSignal} signal
   */
  async send(file, fileId, offset, signal) {
    try {
      this.#reached(offset, false);
      while (offset < file.size) {
        offset = await this.#sendPiece(file, fileId, offset, signal);
        this.#reached(offset, true);
      }
    } finally {
      this.#pace.stop();
    }
  }

  /**
   * @param {number} bytesLeft
   * @returns {number|null}
   */
  secondsLeft(bytesLeft) {
    return this.#pace.secondsLeft(bytesLeft);
  }

  /**
   * @param {File} file
   * @param {string} fileId
   * @param {number} from
   * @param {AbortSignal} signal
   */
  async #sendPiece(file, fileId, from, signal) {
    const piece = file.slice(from, from + Math.min(this.#mostBytes, this.#pace.pieceBytes));
    const onProgress = (/** @type {number} */ sent) => this.#reached(from + sent, false);
    try {
      return await this.#client.send(fileId, from, piece, { onProgress, signal });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      // The line breaks, or something before the service takes no long bodies: shorter pieces may pass.
      const isTooLong = error.code === 'proxy_too_large';
      if (isTooLong && piece.size <= SMALLEST_PIECE) throw new CommandError('too_large');
      if (isTooLong) this.#mostBytes = Math.max(SMALLEST_PIECE, Math.floor(piece.size / 4));
      if (error.code === 'not_connected') this.#mostBytes = Math.max(SMALLEST_PIECE, Math.floor(piece.size / 2));
      throw error;
    }
  }

  /**
   * @param {number} bytes
   * @param {boolean} isAcknowledged
   */
  #reached(bytes, isAcknowledged) {
    this.#pace.reached(bytes, this.#timers.now());
    this.#onReached(bytes, isAcknowledged);
  }
}

/**
 * Whether the file is still what was chosen: one that was changed or taken away on the disk cannot be read any more.
 *
 * @param {File} file
 */
export async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    return false;
  }
}
