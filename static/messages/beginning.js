import { build } from '../elements/build.js';
import { dateName } from '../words/dates.js';
import { words } from '../words/english.js';

/**
 * What stands above the first message a reader can see, or in place of it where there is none yet.
 *
 * @param {{isEmpty: boolean, isInternal: boolean, isLate: boolean, expiredBefore: string|null}} conversation isLate: what
 *   was written before the reader joined is not theirs to read. expiredBefore: what was removed lay before this instant.
 * @returns {(Node|string)[]}
 */
export function beginning({ isEmpty, isInternal, isLate, expiredBefore }) {
  const expired = expiredBefore && words.messages.expired(dateName(expiredBefore));
  if (!isEmpty) return [expired || (isLate ? words.messages.beginningFor : words.messages.beginning)];
  const title = isInternal ? words.messages.emptyNotes : words.messages.empty;
  const lead = isInternal ? words.messages.emptyNotesLead : isLate ? words.messages.emptyFor : words.messages.emptyLead;
  return [build('p', { class: 'blank-title' }, title), build('p', { class: 'quiet' }, expired || lead)];
}
