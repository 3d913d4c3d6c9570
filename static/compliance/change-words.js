/**
 * A change of retention in a few words.
 *
 * @import { Change, RetentionClass } from './shapes.js'
 * @import { NameBook } from './figures.js'
 */
import { words } from '../words/english.js';
import { complianceWords } from '../words/english-compliance.js';

const TITLES = /** @type {Record<string, string>} */ (complianceWords.change.titles);

/**
 * @param {Change} change
 * @param {RetentionClass[]} classes
 * @param {NameBook} names
 * @returns {string}
 */
export function changeInWords(change, classes, names) {
  const nameOf = (/** @type {string|null|undefined} */ id) => classes.find(({ class_id }) => class_id === id)?.name;
  /** @type {Record<string, () => string>} */
  const told = {
    assign_room: () => `${names.room(change.room_id ?? '')} → ${nameOf(change.class_id) ?? complianceWords.change.noClass}`,
    assign_default: () =>
      `${words.roomKinds[/** @type {'private'} */ (change.room_kind)]} → ${nameOf(change.class_id) ?? complianceWords.change.noClass}`,
  };
  const about = told[change.kind]?.() ?? change.name ?? nameOf(change.class_id) ?? '';
  return `${TITLES[change.kind] ?? change.kind}: ${about}`;
}
