/**
 * An error with a code, as the server says it, or as the browser says it of the line: `not_connected`,
 * `connection_lost`, `timed_out`. The words people read are made from code and params in words/english.js.
 */
export class CommandError extends Error {
  /**
   * @param {string} code
   * @param {{message?: string, retry?: boolean, params?: Record<string, string|number>}} [details]
   *   `retry`: trying the same again may help.
   */
  constructor(code, { message = code, retry = false, params = {} } = {}) {
    super(message);
    this.name = 'CommandError';
    this.code = code;
    this.retry = retry;
    this.params = params;
  }
}

/**
 * Whether there is no line any more, so that trying again has to wait for the next hello.
 *
 * @param {CommandError} error
 * @returns {boolean}
 */
export function isLineLost({ code }) {
  return code === 'not_connected' || code === 'connection_lost';
}
