/**
 * Acts, subjects and details of audit entries in words. What is not known by name is shown as it is recorded: nothing of
 * the trail is hidden because this page is older than the service.
 *
 * @import { NameBook } from './figures.js'
 */
import { complianceWords } from '../words/english-compliance.js';

const { acts, subjects, factNames } = complianceWords.audit;

/** @param {string} act */
export function actInWords(act) {
  return /** @type {Record<string, string>} */ (acts)[act] ?? spaced(act);
}

/**
 * @param {string} kind
 * @param {string|null} id
 * @param {NameBook} names
 */
export function subjectInWords(kind, id, names) {
  const noun = /** @type {Record<string, string>} */ (subjects)[kind] ?? spaced(kind);
  return [noun, id && names.nameOf(id)].filter(Boolean).join(' ');
}

/**
 * @param {Record<string, any>} facts
 * @param {NameBook} names
 * @returns {[string, string][]}
 */
export function factLines(facts, names) {
  return Object.entries(facts).map(([name, value]) => [
    /** @type {Record<string, string>} */ (factNames)[name] ?? spaced(name),
    valueInWords(value, names),
  ]);
}

/**
 * @param {unknown} value
 * @param {NameBook} names
 * @returns {string}
 */
function valueInWords(value, names) {
  if (value === null) return complianceWords.none;
  if (Array.isArray(value)) return value.map((each) => valueInWords(each, names)).join(', ') || complianceWords.none;
  if (typeof value === 'object') {
    return Object.entries(/** @type {object} */ (value))
      .map(([name, each]) => `${spaced(name)}: ${valueInWords(each, names)}`)
      .join('; ');
  }
  return (typeof value === 'string' && names.nameOf(value)) || String(value);
}

/** @param {string} name */
function spaced(name) {
  return name.replaceAll('_', ' ');
}
