/**
 * Hands a file that was fetched to the browser, to be saved.
 */
import { build } from '../elements/build.js';

/**
 * @param {Blob} content
 * @param {string} name
 */
export function saveFile(content, name) {
  const address = URL.createObjectURL(content);
  build('a', { href: address, download: name }).click();
  // The browser has taken the content over by the next turn.
  setTimeout(() => URL.revokeObjectURL(address), 0);
}
