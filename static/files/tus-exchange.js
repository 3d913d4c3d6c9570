/**
 * One request of an upload, by XMLHttpRequest: `fetch` does not say how much of a body has left. A line that stands still
 * is given up, because a browser would wait for many minutes.
 *
 * @typedef {object} TusRequest
 * @property {'POST'|'HEAD'|'PATCH'|'DELETE'} method
 * @property {string} path
 * @property {Record<string, string>} [headers]
 * @property {Blob} [body]
 * @property {(sentBytes: number) => void} [onProgress] How much of the body has left.
 * @property {AbortSignal} [signal]
 *
 * @typedef {object} TusAnswer
 * @property {number} status
 * @property {(name: string) => string|null} header
 * @property {string} text
 *
 * @typedef {(request: TusRequest) => Promise<TusAnswer>} Exchange
 */
import { CommandError } from '../connection/command-error.js';

const STANDS_STILL_MS = 45_000;
/** After the last byte the service hashes the whole. */
const ANSWER_MS = 300_000;

/**
 * @param {TusRequest} request
 * @returns {Promise<TusAnswer>} Rejects with a CommandError `not_connected` where no answer came, and with what the
 *   signal says where it was aborted.
 */
export function exchange({ method, path, headers = {}, body, onProgress, signal }) {
  const { promise, resolve, reject } = pending();
  const line = new XMLHttpRequest();
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;
  const expect = (/** @type {number} */ delayMs) => {
    clearTimeout(timer);
    timer = setTimeout(() => line.abort(), delayMs);
  };
  const abort = () => line.abort();
  line.upload.onprogress = ({ loaded }) => {
    expect(STANDS_STILL_MS);
    onProgress?.(loaded);
  };
  line.upload.onload = () => expect(ANSWER_MS);
  line.onload = () =>
    resolve({ status: line.status, header: (name) => line.getResponseHeader(name), text: line.responseText });
  line.onerror = () => reject(new CommandError('not_connected', { retry: true }));
  line.onabort = () => reject(signal?.aborted ? signal.reason : new CommandError('not_connected', { retry: true }));
  line.onloadend = () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  };
  line.open(method, path);
  for (const [name, value] of Object.entries(headers)) line.setRequestHeader(name, value);
  if (signal?.aborted) reject(signal.reason);
  else {
    signal?.addEventListener('abort', abort);
    expect(STANDS_STILL_MS);
    line.send(body ?? null);
  }
  return promise;
}

/** @returns {{promise: Promise<TusAnswer>, resolve: (answer: TusAnswer) => void, reject: (reason: unknown) => void}} */
function pending() {
  /** @type {any} */
  const parts = {};
  const promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return { promise, ...parts };
}
