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

/** The codes that mean "the line, not the command": whether it was done is not known. */
const LINE_CODES = ['not_connected', 'connection_lost', 'timed_out'];

/**
 * @param {unknown} error
 * @returns {boolean}
 */
export function isLineError(error) {
  return error instanceof CommandError && LINE_CODES.includes(error.code);
}
