/**
 * How an upload stands, in words.
 *
 * @import { Upload } from './upload.js'
 */
import { words } from '../words/english.js';
import { fileSize } from '../words/sizes.js';
import { sentenceForCode } from '../words/sentences.js';

/**
 * @param {Pick<Upload, 'state'|'problem'|'sentBytes'|'secondsLeft'|'record'>} upload
 * @returns {string}
 */
export function standing({ state, problem, sentBytes, secondsLeft, record }) {
  const sent = words.files.sentOf(sentBytes, record.byte_size);
  switch (state) {
    case 'queued':
      return words.files.queued;
    case 'sending':
      if (sentBytes === record.byte_size) return words.files.finishing;
      return [sent, secondsLeft !== null && words.files.left(secondsLeft)].filter(Boolean).join(' · ');
    case 'paused':
      return words.files.paused(sent);
    case 'whole':
      return fileSize(record.byte_size);
    case 'missing':
      return words.files.missing;
    default:
      return problem ? sentenceForCode(problem.code, problem.params) : sent;
  }
}
