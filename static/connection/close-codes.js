/**
 * What each close code of the socket means for the browser: does it connect again, and when. docs/protocol.md has the
 * same table. A `goodbye` frame said before the close overrules it.
 *
 * @typedef {object} CloseRule
 * @property {string} name
 * @property {'yes'|'at_once'|'no'} reconnect
 */

/** @type {Readonly<Record<number, CloseRule>>} */
export const CLOSE_CODES = Object.freeze({
  1000: { name: 'closed', reconnect: 'yes' },
  1001: { name: 'going_away', reconnect: 'yes' },
  1002: { name: 'protocol_error', reconnect: 'no' },
  1007: { name: 'invalid_data', reconnect: 'no' },
  1009: { name: 'too_big', reconnect: 'no' },
  1012: { name: 'service_restart', reconnect: 'yes' },
  4001: { name: 'signed_out', reconnect: 'no' },
  4002: { name: 'account_deactivated', reconnect: 'no' },
  4003: { name: 'session_changed', reconnect: 'at_once' },
  4004: { name: 'too_many_connections', reconnect: 'no' },
  4005: { name: 'malformed_frame', reconnect: 'no' },
  4006: { name: 'rate_exceeded', reconnect: 'yes' },
  4008: { name: 'slow_consumer', reconnect: 'yes' },
  4009: { name: 'heartbeat_lost', reconnect: 'yes' },
  4010: { name: 'sign_in_required', reconnect: 'no' },
});

/** After these the person has to sign in again: connecting anew would be refused. */
export const SIGN_IN_CODES = Object.freeze([4001, 4002, 4010]);

/**
 * The rule for a close code. One we do not know, and 1006 (the line broke), are a lost line: connect again.
 *
 * @param {number} code
 * @returns {CloseRule}
 */
export function closeRule(code) {
  return CLOSE_CODES[code] ?? { name: 'line_lost', reconnect: 'yes' };
}
