/**
 * The sentence for an error: what happened, and what to do.
 */
import { CommandError } from '../connection/command-error.js';
import { words } from './english.js';

/**
 * @param {unknown} error A CommandError, or anything else that was thrown, which is not for people and thrown again.
 * @returns {string}
 */
export function sentenceFor(error) {
  if (!(error instanceof CommandError)) throw error;
  return sentenceForCode(error.code, error.params);
}

/**
 * @param {string} code
 * @param {Record<string, string|number>} [params]
 * @returns {string}
 */
export function sentenceForCode(code, params = {}) {
  return (words.errors[code] ?? words.errors.internal_error)(params);
}
