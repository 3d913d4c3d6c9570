/**
 * What an entry of the outbox needs besides the line.
 *
 * @import { CommandError } from './command-error.js'
 * @import { OutboxEntry } from './outbox-entries.js'
 *
 * @typedef {object} Needs
 * @property {(entry: OutboxEntry) => 'ready'|'coming'|'aside'} readinessOf
 * @property {(entry: OutboxEntry) => Record<string, any>} fieldsOf The fields to send, once it is ready.
 * @property {(entry: OutboxEntry, error: CommandError) => boolean} mend Whether a refusal is seen to, and `readinessOf`
 *   tells when to send again.
 * @property {(entry: OutboxEntry, isDone: boolean) => void} release It is done, or thrown away.
 */

/** @type {Needs} */
export const NOTHING = {
  readinessOf: () => 'ready',
  fieldsOf: ({ fields }) => fields,
  mend: () => false,
  release: () => {},
};
