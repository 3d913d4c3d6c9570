/**
 * What keeps one message, and until when: the classes that apply, which of them decide, the holds over it, the date.
 *
 * @import { ExplainedClass, Explanation } from './shapes.js'
 * @import { NameBook } from './figures.js'
 */
import { build } from '../elements/build.js';
import { complianceWords } from '../words/english-compliance.js';
import { addresses } from './addresses.js';
import { facts } from './console-page.js';
import { instantOf } from './figures.js';

/**
 * @param {Explanation} explanation
 * @param {NameBook} names
 * @returns {(HTMLElement|null)[]}
 */
export function explanationParts({ due_at: dueAt, reason, state, classes, holds }, names) {
  const { opening, none } = complianceWords;
  const links = holds.map(({ hold_id: id, covers_messages: whole }) =>
    build('a', { href: addresses.hold(id) }, [names.nameOf(id), !whole && opening.filesOnly].filter(Boolean).join(' ')),
  );
  return [
    facts(
      [opening.state, opening.states[state]],
      [opening.dueAt, dueAt ? instantOf(dueAt) : opening.notDue],
      [opening.why, opening.reasons[reason]],
      [opening.byHolds, links.length > 0 ? build('span', { class: 'hold-links' }, ...links) : none],
    ),
    classes.length > 0 ? build('p', {}, `${opening.rules}:`) : null,
    classes.length > 0 ? build('ul', { class: 'lines' }, ...classes.map(classLine)) : null,
  ];
}

/** @param {ExplainedClass} applied */
function classLine({ source, name, keeps_until: keepsUntil, decides }) {
  const { opening } = complianceWords;
  const said = [
    keepsUntil && opening.keepsUntil(instantOf(keepsUntil)),
    keepsUntil === null && opening.keepsOn,
    ...decides.map((what) => opening.decides[what]),
  ].filter(Boolean);
  return build('li', {}, build('strong', {}, `${opening.sources[source]}: `), build('span', { dir: 'auto' }, name), said.length > 0 && ` · ${said.join(', ')}`);
}
