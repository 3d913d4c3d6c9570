/**
 * Elements from plain values. Text becomes text nodes: nothing is ever read as markup.
 *
 * @typedef {Node|string|null|undefined|false} Child
 * @typedef {Record<string, any>} Properties Attributes; `on…` are listeners; false, null and undefined are left out.
 */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties} [properties]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function build(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...present(children));
  return element;
}

/**
 * Put these children in the place of those an element has.
 *
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
}

/**
 * Set an attribute, or take it away where there is no value.
 *
 * @param {Element} element
 * @param {string} name
 * @param {string|boolean|null|undefined} value
 */
export function mark(element, name, value) {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? '' : value);
}

/**
 * Change a text only where it differs, so that screen readers are not told the same again.
 *
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {Child[]} children
 * @returns {(Node|string)[]}
 */
function present(children) {
  return children.flatMap((child) => child || []);
}
