/**
 * The text of a message as nodes: words, links that open safely, mentions. Line breaks are the style's to keep.
 */
import { build } from '../elements/build.js';
import { textParts } from './text-parts.js';

/**
 * @param {string} text
 * @param {readonly string[]} mentionedNames
 * @param {string} [ownName] A mention of the reader is marked.
 * @returns {(Node|string)[]}
 */
export function messageText(text, mentionedNames, ownName) {
  return textParts(text, mentionedNames).map((part) => {
    if (part.type === 'link') {
      return build('a', { href: part.text, target: '_blank', rel: 'noopener nofollow noreferrer' }, part.text);
    }
    if (part.type === 'mention') {
      return build('span', { class: part.text === `@${ownName}` ? 'mention mine' : 'mention' }, part.text);
    }
    return part.text;
  });
}
