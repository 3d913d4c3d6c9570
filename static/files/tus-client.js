/**
 * Uploads by tus 1.0 (https://tus.io/protocols/resumable-upload), as far as a browser needs it: begin, ask how far it is,
 * send the next bytes, give up. Says what the service says; decides nothing about trying again.
 *
 * @import { Exchange, TusAnswer, TusRequest } from './tus-exchange.js'
 */
import { CommandError } from '../connection/command-error.js';

const VERSION = '1.0.0';
const PLACE = '/api/uploads';
const BODY_TYPE = 'application/offset+octet-stream';

/** What an answer without a body means; a HEAD never has one. */
/** @type {Readonly<Record<number, {code: string, retry: boolean}>>} */
const BARE_ERRORS = Object.freeze({
  400: { code: 'malformed_request', retry: false },
  401: { code: 'sign_in_required', retry: false },
  403: { code: 'forbidden', retry: false },
  404: { code: 'not_found', retry: false },
  409: { code: 'offset_mismatch', retry: false },
  413: { code: 'proxy_too_large', retry: false },
  423: { code: 'upload_locked', retry: true },
  429: { code: 'rate_exceeded', retry: true },
  507: { code: 'storage_full', retry: true },
});

export class TusClient {
  #exchange;

  /** @param {Exchange} exchange */
  constructor(exchange) {
    this.#exchange = exchange;
  }

  /**
   * @param {{id: string, name: string, stream: string, byteSize: number}} file `id`: ours. The same file with it begins once,
   *   however often it is asked.
   * @returns {Promise<string>} The file's id, under which everything else is asked. Nothing of it was sent yet.
   */
  async begin({ id, name, stream, byteSize }) {
    const metadata = `filename ${base64(name)},stream ${base64(stream)},client_upload_id ${base64(id)}`;
    const headers = { 'Upload-Length': String(byteSize), 'Upload-Metadata': metadata };
    const answer = await this.#ask({ method: 'POST', path: PLACE, headers });
    const fileId = answer.header('Location')?.split('/').at(-1);
    if (!fileId) throw new CommandError('unavailable', { retry: true });
    return fileId;
  }

  /**
   * @param {string} fileId
   * @param {AbortSignal} [signal]
   * @returns {Promise<number>} How many bytes the service has for good.
   */
  async askOffset(fileId, signal) {
    return offsetOf(await this.#ask({ method: 'HEAD', path: `${PLACE}/${fileId}`, signal }));
  }

  /**
   * @param {string} fileId
   * @param {number} offset
   * @param {Blob} piece What follows there.
   * @param {{onProgress?: (sentBytes: number) => void, signal?: AbortSignal}} [options]
   * @returns {Promise<number>} How many bytes the service has for good after it.
   */
  async send(fileId, offset, piece, { onProgress, signal } = {}) {
    const headers = { 'Upload-Offset': String(offset), 'Content-Type': BODY_TYPE };
    const request = { path: `${PLACE}/${fileId}`, headers, body: piece, onProgress, signal };
    return offsetOf(await this.#ask({ method: 'PATCH', ...request }));
  }

  /**
   * Give an upload up, so that its place is free at once.
   *
   * @param {string} fileId
   */
  async end(fileId) {
    await this.#ask({ method: 'DELETE', path: `${PLACE}/${fileId}` });
  }

  /** @param {TusRequest} request */
  async #ask(request) {
    const answer = await this.#exchange({ ...request, headers: { 'Tus-Resumable': VERSION, ...request.headers } });
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw errorOf(answer);
  }
}

/** @param {TusAnswer} answer */
function errorOf({ status, text }) {
  const said = parse(text)?.error;
  if (said?.code) return new CommandError(said.code, said);
  const { code, retry } = BARE_ERRORS[status] ?? { code: 'unavailable', retry: true };
  return new CommandError(code, { retry });
}

/** @param {TusAnswer} answer */
function offsetOf(answer) {
  const said = answer.header('Upload-Offset');
  if (said === null || !/^\d+$/.test(said)) throw new CommandError('unavailable', { retry: true });
  return Number(said);
}

/** @param {string} text */
function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/** @param {string} text */
function parse(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}
