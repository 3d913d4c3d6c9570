/**
 * The initials of a person on one of eight quiet colours, always the same for the same person.
 */
import { build } from './build.js';

const TONES = 8;

/**
 * @param {string} accountId
 * @param {string} name
 * @returns {HTMLElement}
 */
export function avatar(accountId, name) {
  return build('span', { class: `avatar tone-${toneOf(accountId)}`, 'aria-hidden': 'true' }, initials(name));
}

/** @param {string} name */
export function initials(name) {
  const letters = name.split(/[\s\-.]+/u).filter(Boolean).map((word) => [...word][0]);
  const chosen = letters.length > 1 ? [letters[0], letters[letters.length - 1]] : letters;
  return chosen.join('').toLocaleUpperCase();
}

/** @param {string} accountId */
function toneOf(accountId) {
  let sum = 0;
  for (const character of accountId) sum = (sum * 31 + character.charCodeAt(0)) % 997;
  return sum % TONES;
}
