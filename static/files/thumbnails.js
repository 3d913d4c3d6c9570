/**
 * Small pictures of what is being sent, made here, shown until the service's own preview is there. They are bitmaps and
 * not addresses: nothing has to be revoked, and the few that are held are let go one by one.
 *
 * @typedef {object} Thumbnail
 * @property {ImageBitmap} bitmap
 * @property {number} width Of the picture itself, upright.
 * @property {number} height
 */
const PICTURE = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;
const LARGEST_BYTES = 48 * 1024 * 1024;
const SIDE = 640;
const MOST = 40;

export class Thumbnails {
  /** @type {Map<string, Thumbnail>} The one asked for last is last. */
  #thumbnails = new Map();
  /** One picture is decoded at a time: a phone's are large. */
  #queue = Promise.resolve();

  /**
   * @param {string} id
   * @param {Blob} file
   * @returns {Promise<Thumbnail|null>} Null for what is no picture, or none that this browser can read.
   */
  make(id, file) {
    const made = this.#queue.then(() => paint(file));
    this.#queue = made.then(() => {});
    return made.then((thumbnail) => {
      if (thumbnail) this.#hold(id, thumbnail);
      return thumbnail;
    });
  }

  /** @param {string} id */
  find(id) {
    return this.#thumbnails.get(id);
  }

  /**
   * What was known by one id is known by another.
   *
   * @param {string} id
   * @param {string} newId
   */
  rename(id, newId) {
    const thumbnail = this.#thumbnails.get(id);
    this.#thumbnails.delete(id);
    if (thumbnail) this.#hold(newId, thumbnail);
  }

  /** @param {string} id */
  release(id) {
    this.#thumbnails.get(id)?.bitmap.close();
    this.#thumbnails.delete(id);
  }

  clear() {
    for (const id of [...this.#thumbnails.keys()]) this.release(id);
  }

  /**
   * @param {string} id
   * @param {Thumbnail} thumbnail
   */
  #hold(id, thumbnail) {
    this.#thumbnails.set(id, thumbnail);
    if (this.#thumbnails.size > MOST) this.release([...this.#thumbnails.keys()][0]);
  }
}

/**
 * @param {Thumbnail} thumbnail
 * @param {string} label What it shows; empty where words beside it say so.
 * @returns {HTMLCanvasElement}
 */
export function drawThumbnail({ bitmap }, label) {
  const canvas = document.createElement('canvas');
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
  canvas.setAttribute('role', 'img');
  if (label) canvas.setAttribute('aria-label', label);
  else canvas.setAttribute('aria-hidden', 'true');
  return canvas;
}

/**
 * @param {Blob} file
 * @returns {Promise<Thumbnail|null>}
 */
async function paint(file) {
  if (!PICTURE.test(file.type) || file.size > LARGEST_BYTES) return null;
  try {
    const whole = await createImageBitmap(file);
    const { width, height } = whole;
    const scale = Math.min(1, SIDE / Math.max(width, height));
    if (scale === 1) return { bitmap: whole, width, height };
    const small = { resizeWidth: side(width * scale), resizeHeight: side(height * scale) };
    const bitmap = await createImageBitmap(whole, { ...small, resizeQuality: 'medium' });
    whole.close();
    return { bitmap, width, height };
  } catch (error) {
    // What calls itself a picture may be none.
    if (!(error instanceof DOMException)) throw error;
    return null;
  }
}

/** @param {number} length */
function side(length) {
  return Math.max(1, Math.round(length));
}
