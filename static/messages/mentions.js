/**
 * Mentions in a text being written: what the person is typing after "@", who fits, and whom the finished text names.
 *
 * @import { Person } from '../connection/protocol-shapes.js'
 */
import { mentionOf } from './text-parts.js';

/**
 * The beginning of a mention right before the caret: null where none is being written.
 *
 * @param {string} text
 * @param {number} caret
 * @returns {{from: number, query: string}|null}
 */
export function mentionBefore(text, caret) {
  const match = /(^|\s)@([^\s@][^@\n]{0,30}|)$/u.exec(text.slice(0, caret));
  if (!match) return null;
  return { from: caret - match[2].length - 1, query: match[2] };
}

/**
 * Who fits what was typed, those whose name begins with it first.
 *
 * @param {readonly Person[]} people
 * @param {string} query
 * @param {number} [most]
 * @returns {Person[]}
 */
export function matchingPeople(people, query, most = 6) {
  const wanted = query.toLocaleLowerCase();
  const rank = (/** @type {Person} */ { display_name }) => {
    const name = display_name.toLocaleLowerCase();
    if (name.startsWith(wanted)) return 0;
    return name.split(/\s+/u).some((word) => word.startsWith(wanted)) ? 1 : 2;
  };
  return people
    .filter((person) => rank(person) < 2)
    .sort((one, other) => rank(one) - rank(other) || one.display_name.localeCompare(other.display_name))
    .slice(0, most);
}

/**
 * The accounts a text mentions by "@" and their whole name.
 *
 * @param {string} text
 * @param {readonly Person[]} people
 * @returns {string[]}
 */
export function mentionedIn(text, people) {
  if (people.length === 0) return [];
  const named = new Set(text.match(mentionOf(people.map(({ display_name }) => display_name))));
  return people.filter(({ display_name }) => named.has(`@${display_name}`)).map(({ account_id }) => account_id);
}
