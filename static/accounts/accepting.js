/**
 * Accepting an invitation is a command of the socket, and the page that asks for it has none: a line for one command.
 */
import { CommandError } from '../connection/command-error.js';
import { mintCommandId } from '../connection/command-id.js';
import { SocketConnection } from '../connection/socket-connection.js';

const DEADLINE_MS = 15_000;

/**
 * @param {string} token
 * @returns {Promise<string>} The room's id. Rejects with a CommandError.
 */
export async function acceptInvitation(token) {
  /** @type {ConstructorParameters<typeof SocketConnection>[0]['listener']} */
  const listener = {};
  const openSocket = () => new WebSocket(new URL('/socket', location.href.replace(/^http/, 'ws')));
  const line = new SocketConnection({ openSocket, listener });
  try {
    await new Promise((resolve, reject) => {
      listener.onHello = resolve;
      listener.onStopped = ({ name }) => reject(new CommandError(name));
      setTimeout(() => reject(new CommandError('not_connected', { retry: true })), DEADLINE_MS);
      line.start();
    });
    return (await line.send('accept_invitation', { client_command_id: mintCommandId(), token })).room_id;
  } finally {
    line.stop();
  }
}
