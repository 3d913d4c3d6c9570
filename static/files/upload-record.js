/**
 * What is known of an upload between two loads of the page: all but the file itself.
 *
 * @typedef {object} UploadRecord
 * @property {string} id Ours; the service gives its own.
 * @property {string} stream
 * @property {string} name
 * @property {number} byte_size
 * @property {number} modified_at
 * @property {string} type What the browser takes it for; the service looks for itself.
 * @property {number} order Rises with every upload.
 * @property {string|null} file_id The service's; null until it was begun.
 * @property {boolean} is_asked Whether the service was asked to begin it: it may have, though no answer came.
 * @property {number} sent_bytes How many had left when that was last noted; the service knows.
 * @property {boolean} is_whole
 * @property {boolean} is_paused
 * @property {boolean} is_taken Whether a message has it; else it lies with what is being written.
 * @property {string} alt_text
 * @property {{width: number, height: number}|null} picture_size
 */
import { mintCommandId } from '../connection/command-id.js';

/**
 * @param {File} file
 * @param {string} stream
 * @param {number} order
 * @returns {UploadRecord}
 */
export function recordOf(file, stream, order) {
  return {
    id: mintCommandId(),
    stream,
    name: file.name,
    byte_size: file.size,
    modified_at: file.lastModified,
    type: file.type,
    order,
    file_id: null,
    is_asked: false,
    sent_bytes: 0,
    is_whole: false,
    is_paused: false,
    is_taken: false,
    alt_text: '',
    picture_size: null,
  };
}
