/**
 * By what a file is known again when it is chosen a second time: its name, its size, when it was last changed, and the
 * stream it was for.
 *
 * @typedef {{name: string, byte_size: number, modified_at: number, stream: string}} Fingerprinted
 */

/**
 * @param {Fingerprinted} upload
 * @returns {string}
 */
export function fingerprint({ name, byte_size, modified_at, stream }) {
  return JSON.stringify([stream, name, byte_size, modified_at]);
}

/**
 * @param {File} file
 * @param {string} stream
 * @returns {string}
 */
export function fingerprintOfFile(file, stream) {
  return fingerprint({ name: file.name, byte_size: file.size, modified_at: file.lastModified, stream });
}
