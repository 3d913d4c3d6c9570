/**
 * Requests to the service's own HTTP doors: JSON in, JSON out, one shape of error.
 */
import { CommandError } from './command-error.js';

const REQUEST_TIMEOUT_MS = 20_000;

/** @type {Set<Promise<unknown>>} */
const underWay = new Set();

/**
 * Resolves when every request that is under way has its answer: a change of password gives this browser a new session,
 * and the line of the old one may end before the answer is here.
 *
 * @returns {Promise<unknown>}
 */
export function requestsAnswered() {
  return Promise.allSettled([...underWay]);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Record<string, unknown>} [body]
 * @returns {Promise<any>} What the service answers; null where it answers nothing. Rejects with a CommandError: the
 *   service's, or `not_connected` where it could not be reached.
 */
export async function request(method, path, body) {
  const answer = exchange(method, path, body);
  underWay.add(answer);
  return answer.finally(() => underWay.delete(answer));
}

/**
 * @param {string} method
 * @param {string} path
 * @returns {Promise<Blob>} What the service answers, whole. Rejects like `request`.
 */
export async function fetchFile(method, path) {
  const response = await reach(method, path, {});
  if (!response.ok) throw errorOf(parse(await response.text()));
  return response.blob();
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Record<string, unknown>} [body]
 */
async function exchange(method, path, body) {
  const response = await reach(method, path, body);
  const answer = parse(await response.text());
  if (response.ok) return answer;
  throw errorOf(answer);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Record<string, unknown>} [body]
 */
async function reach(method, path, body) {
  try {
    return await fetch(path, {
      method,
      body: body && JSON.stringify(body),
      headers: body ? { 'Content-Type': 'application/json' } : {},
      credentials: 'same-origin',
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  } catch {
    // fetch says why in words only; whatever it is, the service was not reached.
    throw new CommandError('not_connected', { retry: true });
  }
}

/** @param {any} answer What came instead of what was asked for. */
function errorOf(answer) {
  if (answer?.error) return new CommandError(answer.error.code, answer.error);
  return new CommandError('unavailable', { retry: true });
}

/** @param {string} text */
function parse(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}
