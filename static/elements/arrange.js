/**
 * Children in an order, those that are there already untouched: what plays goes on playing, and what has the focus keeps
 * it.
 *
 * @import { Child } from './build.js'
 */

/**
 * @param {Element} element
 * @param {...Child} children
 */
export function arrange(element, ...children) {
  const wanted = children.flatMap((child) => (typeof child === 'string' ? document.createTextNode(child) : child || []));
  const kept = new Set(wanted);
  for (const child of [...element.childNodes]) if (!kept.has(child)) child.remove();
  /** @type {Node|null} */
  let cursor = element.firstChild;
  for (const child of wanted) {
    if (child === cursor) cursor = cursor.nextSibling;
    else element.insertBefore(child, cursor);
  }
}
