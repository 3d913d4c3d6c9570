/**
 * Plain text cut into words, links and mentions. Only http and https become links; nothing is ever read as markup.
 *
 * @typedef {{type: 'text'|'link'|'mention', text: string}} TextPart
 */

const LINK = /https?:\/\/[^\s<>"'`{}|\\^]+/giu;
const TRAILING = '.,;:!?…)]';

/**
 * @param {string} text
 * @param {readonly string[]} [names] Names that are mentioned: "@" and the name become a mention.
 * @returns {TextPart[]} In order; joined, their texts are the text.
 */
export function textParts(text, names = []) {
  /** @type {TextPart[]} */
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const link = withoutTrailing(match[0]);
    if (!isSafeLink(link)) continue;
    parts.push(...mentionParts(text.slice(from, match.index), names), { type: 'link', text: link });
    from = match.index + link.length;
  }
  parts.push(...mentionParts(text.slice(from), names));
  return parts.filter((part) => part.text !== '');
}

/**
 * A sentence's full stop is not part of the address; a bracket is only where the address opened one.
 *
 * @param {string} link
 */
function withoutTrailing(link) {
  const opened = (link.match(/\(/g) ?? []).length - (link.match(/\)/g) ?? []).length;
  // From the end, and not by a pattern: it would begin anew at each of thousands of dots.
  let length = link.length;
  while (length > 0 && TRAILING.includes(link[length - 1])) length -= 1;
  if (link.slice(length) === ')' && opened >= 0) return link;
  return link.slice(0, length);
}

/** @param {string} link */
function isSafeLink(link) {
  if (!URL.canParse(link)) return false;
  const { protocol, hostname, username } = new URL(link);
  return (protocol === 'http:' || protocol === 'https:') && hostname !== '' && username === '';
}

/**
 * @param {string} text
 * @param {readonly string[]} names
 * @returns {TextPart[]}
 */
function mentionParts(text, names) {
  if (names.length === 0 || !text.includes('@')) return [{ type: 'text', text }];
  return text.split(mentionOf(names)).map((part, index) => ({ type: index % 2 ? 'mention' : 'text', text: part }));
}

/**
 * What finds a mention of one of these names: the longest that fits, and no part of a longer word.
 *
 * @param {readonly string[]} names
 */
export function mentionOf(names) {
  const longestFirst = [...names].sort((one, other) => other.length - one.length).map(escaped);
  return new RegExp(`(@(?:${longestFirst.join('|')})(?![\\p{L}\\p{N}]))`, 'gu');
}

/** @param {string} text */
function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
