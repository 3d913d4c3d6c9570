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
 * @param {Map<string, string>} [fileNames] Of the message's files, where they were opened.
 * @returns {(HTMLElement|null)[]}
 */
export function explanationParts({ due_at: dueAt, reason, state, classes, files, holds }, names, fileNames = new Map()) {
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
    files.length > 0 ? build('p', {}, `${opening.fileRules}:`) : null,
    files.length > 0 ? build('ul', { class: 'lines' }, ...files.map((file) => fileLine(file, fileNames))) : null,
  ];
}

/**
 * @param {Explanation['files'][number]} file
 * @param {Map<string, string>} fileNames
 */
function fileLine({ file_id: id, name, due_at: dueAt }, fileNames) {
  const { opening } = complianceWords;
  const about = build('strong', { dir: 'auto' }, fileNames.get(id) ?? opening.aFile);
  return build('li', {}, about, ': ', build('span', { dir: 'auto' }, name), ` · ${dueAt ? opening.goes(instantOf(dueAt)) : opening.notDue}`);
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
