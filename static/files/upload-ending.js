/**
 * Gives an upload up at the service, so that its place is free at once. The request that was just cut off may hold it for
 * a moment; what remains all the same ends by itself after a day.
 *
 * @import { Timers } from '../connection/timers.js'
 * @import { TusClient } from './tus-client.js'
 */
import { CommandError } from '../connection/command-error.js';

const TRIES = 4;
const AGAIN_MS = 1_500;

/**
 * @param {TusClient} client
 * @param {string} fileId
 * @param {Timers} timers
 */
export async function endUpload(client, fileId, timers) {
  for (let tries = 0; tries < TRIES; tries += 1) {
    try {
      return await client.end(fileId);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      if (!error.retry) return;
    }
    await new Promise((resolve) => timers.set(() => resolve(null), AGAIN_MS));
  }
}
