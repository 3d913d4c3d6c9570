/**
 * Acts, subjects and details of audit entries in words. What is not known by name is shown as it is recorded: nothing of
 * the trail is hidden because this page is older than the service.
 *
 * @import { NameBook } from './figures.js'
 */
import { complianceWords } from '../words/english-compliance.js';

const FACTS_BETWEEN = 3;
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
  return [noun, id && (names.nameOf(id) ?? id)].filter(Boolean).join(' ');
}

/**
 * @param {Record<string, any>} facts
 * @param {NameBook} names
 * @returns {[string, string][]}
 */
export function factLines(facts, names) {
  // What it was comes before what it is.
  const inOrder = Object.entries(facts).sort(([one], [other]) => rank(one) - rank(other));
  return inOrder.map(([name, value]) => [
    /** @type {Record<string, string>} */ (factNames)[name] ?? spaced(name),
    valueInWords(value, names),
  ]);
}

/** @param {string} name */
function rank(name) {
  return ['before', 'after'].indexOf(name) + 1 || FACTS_BETWEEN;
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
      .map(([name, each]) => `${/** @type {Record<string, string>} */ (factNames)[name] ?? spaced(name)}: ${valueInWords(each, names)}`)
      .join('; ');
  }
  return (typeof value === 'string' && names.nameOf(value)) || String(value);
}

/** @param {string} name */
function spaced(name) {
  return name.replaceAll('_', ' ');
}
