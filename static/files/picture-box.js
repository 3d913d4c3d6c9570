/**
 * The place a picture takes, known before it is there, so that nothing jumps when it comes.
 *
 * @typedef {{width: number, height: number}} Size
 */

/** A picture that stands alone, one of several, and the first page of a document. */
export const LARGE = Object.freeze({ width: 352, height: 288 });
export const SMALL = Object.freeze({ width: 176, height: 176 });
const SMALLEST = 48;
/** Before anything is known of it. */
const UNKNOWN = Object.freeze({ width: 4, height: 3 });

/**
 * @param {Size|null|undefined} size Of the picture.
 * @param {Size} most
 * @returns {Size} As large as it is, at most `most`, and large enough to be pointed at.
 */
export function boxFor(size, most) {
  const { width, height } = size ?? UNKNOWN;
  const scale = Math.min(size ? 1 : Infinity, most.width / width, most.height / height);
  return { width: side(width * scale), height: side(height * scale) };
}

/**
 * @param {HTMLElement} element Takes this place; less where there is less, in the same proportion.
 * @param {Size} size
 */
export function keepPlace(element, { width, height }) {
  element.style.width = `${width}px`;
  element.style.aspectRatio = `${width} / ${height}`;
}

/** @param {number} length */
function side(length) {
  return Math.max(SMALLEST, Math.round(length));
}
