/**
 * One entry of the audit trail: who did what, on what, when and why; its details and hashes when they are opened.
 *
 * @import { AuditEntry } from './shapes.js'
 * @import { NameBook } from './figures.js'
 */
import { build } from '../elements/build.js';
import { complianceWords } from '../words/english-compliance.js';
import { addresses } from './addresses.js';
import { actInWords, factLines, subjectInWords } from './audit-words.js';
import { facts } from './console-page.js';
import { timeElement } from './figures.js';

/**
 * @param {AuditEntry} entry
 * @param {NameBook} names
 */
export function auditLine(entry, names) {
  const { audit } = complianceWords;
  const who = entry.actor_id ? names.person(entry.actor_id) : audit.origins[entry.origin];
  return build(
    'li',
    { class: 'trail-line' },
    build('p', { class: 'quiet trail-when' }, audit.number(entry.entry_number), ' · ', timeElement(entry.recorded_at)),
    build('p', {}, build('strong', {}, actInWords(entry.act)), ` · ${who} · `, subjectLink(entry, names)),
    ...Object.values(entry.texts).map(writtenLine),
    build(
      'details',
      {},
      build('summary', {}, audit.facts),
      facts(
        ...factLines(entry.facts, names),
        [audit.through, audit.doors[entry.origin]],
        entry.session_id !== null && [audit.session, build('code', {}, entry.session_id)],
      ),
    ),
  );
}

/**
 * @param {AuditEntry} entry
 * @param {NameBook} names
 */
function subjectLink(entry, names) {
  const { kind, subject_id: id } = entry.subject;
  const text = subjectInWords(kind, id, names);
  const page = { matter: addresses.matter, hold: addresses.hold, room: addresses.room, simulation: addresses.simulation }[kind];
  return id && page ? build('a', { href: page(id), dir: 'auto' }, text) : text;
}

/** @param {string|null} text Null once it was erased. */
function writtenLine(text) {
  if (text === null) return build('p', { class: 'quiet' }, complianceWords.audit.erased);
  return build('p', { class: 'trail-reason', dir: 'auto' }, text);
}
