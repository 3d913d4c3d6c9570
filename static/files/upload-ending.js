/**
 * Gives an upload up at the service, so that its place is free at once. The request that was just cut off may hold it for
 * a moment, and the answer that tells its id may never have come; what remains all the same ends by itself after a day.
 *
 * @import { Timers } from '../connection/timers.js'
 * @import { TusClient } from './tus-client.js'
 * @import { Upload } from './upload.js'
 */
import { CommandError } from '../connection/command-error.js';

const TRIES = 4;
const AGAIN_MS = 1_500;

/**
 * @param {TusClient} client
 * @param {Pick<Upload, 'begin'>} upload
 * @param {Timers} timers
 */
export async function endUpload(client, upload, timers) {
  for (let tries = 0; tries < TRIES; tries += 1) {
    try {
      return await client.end(await upload.begin());
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      if (!error.retry) return;
    }
    await new Promise((resolve) => timers.set(() => resolve(null), AGAIN_MS));
  }
}
