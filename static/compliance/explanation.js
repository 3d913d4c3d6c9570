/**
 * What keeps one message, and until when: the classes that apply, which of them decide, the holds over it, the date.
 *
 * @import { AppliedRule, Explanation } from './shapes.js'
 */
import { build } from '../elements/build.js';
import { complianceWords } from '../words/english-compliance.js';
import { addresses } from './addresses.js';
import { facts } from './console-page.js';
import { dayOf } from './figures.js';

/**
 * @param {Explanation} explanation
 * @returns {(HTMLElement|null)[]}
 */
export function explanationParts(explanation) {
  const { opening, none } = complianceWords;
  const { due_at: dueAt, keep_until: keepUntil, hold_ids: holdIds, rules } = explanation;
  const holds = holdIds.map((id) => build('a', { href: addresses.hold(id) }, complianceWords.hold.openShort));
  return [
    facts(
      [opening.dueAt, dueAt ? dayOf(dueAt) : opening.notDue],
      [opening.keepUntil, keepUntil ? dayOf(keepUntil) : none],
      [opening.byHolds, holds.length > 0 ? build('span', { class: 'hold-links' }, ...holds) : none],
    ),
    rules.length > 0 ? build('p', {}, `${opening.rules}:`) : null,
    rules.length > 0 ? build('ul', { class: 'lines' }, ...rules.map((rule) => ruleLine(rule, explanation))) : null,
    explanation.by_removal ? build('p', {}, opening.removedRule) : null,
  ];
}

/**
 * @param {AppliedRule} rule
 * @param {Explanation} explanation
 */
function ruleLine({ source, class_name: className, keep_until: keepUntil, end_at: endAt }, { kept_by: keptBy, ended_by: endedBy }) {
  const { opening } = complianceWords;
  const said = [
    keepUntil && `${opening.keepUntil.toLowerCase()} ${dayOf(keepUntil)}`,
    endAt && `${opening.end.toLowerCase()} ${dayOf(endAt)}`,
    source === keptBy && opening.wonKeep,
    source === endedBy && opening.won,
  ].filter(Boolean);
  return build('li', {}, build('strong', {}, `${opening.sources[source]}: `), build('span', { dir: 'auto' }, className), ` · ${said.join(', ')}`);
}
