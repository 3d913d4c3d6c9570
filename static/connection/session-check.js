/**
 * Whether this browser still has a session, asked over HTTP: the socket's handshake does not say why it was refused.
 *
 * @import { SessionAnswer } from './socket-connection.js'
 */
import { CommandError } from './command-error.js';
import { request } from './http.js';

/** @returns {Promise<SessionAnswer>} */
export async function checkSession() {
  try {
    await request('GET', '/api/session');
    return 'signed_in';
  } catch (error) {
    if (error instanceof CommandError && error.code === 'sign_in_required') return 'signed_out';
    return 'unknown';
  }
}
