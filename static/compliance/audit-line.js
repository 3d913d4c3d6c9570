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
  const who = entry.actor_id ? names.person(entry.actor_id) : audit.system;
  return build(
    'li',
    { class: 'trail-line' },
    build('p', { class: 'quiet trail-when' }, audit.number(entry.entry_number), ' · ', timeElement(entry.recorded_at)),
    build('p', {}, build('strong', {}, actInWords(entry.act)), ` · ${who} · `, subjectLink(entry, names)),
    reasonLine(entry),
    build(
      'details',
      {},
      build('summary', {}, audit.facts),
      facts(
        ...factLines(entry.facts, names),
        Boolean(entry.session_id) && [audit.session, String(entry.session_id)],
        [audit.hash, build('code', {}, entry.entry_hash)],
        [audit.previous, build('code', {}, entry.previous_hash)],
      ),
    ),
  );
}

/**
 * @param {AuditEntry} entry
 * @param {NameBook} names
 */
function subjectLink(entry, names) {
  const { subject_kind: kind, subject_id: id } = entry;
  const text = subjectInWords(kind, id, names);
  const page = { matter: addresses.matter, hold: addresses.hold, room: addresses.room, simulation: addresses.simulation }[kind];
  return id && page ? build('a', { href: page(id), dir: 'auto' }, text) : text;
}

/** @param {AuditEntry} entry */
function reasonLine({ reason, reason_erased: isErased }) {
  if (isErased) return build('p', { class: 'quiet' }, complianceWords.audit.erased);
  return reason ? build('p', { class: 'trail-reason', dir: 'auto' }, reason) : null;
}
