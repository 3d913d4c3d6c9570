/**
 * The three steps of the wizard: each gives the fields that change a draft, and says when it changed.
 *
 * @import { HoldDraft } from './hold-draft.js'
 * @import { Custodian, ContentKind } from './shapes.js'
 */
import { request } from '../connection/http.js';
import { build } from '../elements/build.js';
import { checkField, textField } from '../elements/fields.js';
import { words } from '../words/english.js';
import { complianceWords } from '../words/english-compliance.js';
import { door } from './addresses.js';
import { ChoiceFinder } from './choice-finder.js';
import { spanInWords } from './figures.js';
import { KINDS } from './hold-draft.js';
import { reasonField } from './reason-field.js';

/**
 * @param {HoldDraft} draft
 * @param {() => void} changed
 */
export function scopeStep(draft, changed) {
  const { wizard } = complianceWords;
  return [
    build('p', { class: 'quiet' }, draft.base ? wizard.onlyWider : wizard.scopeLead),
    roomFinder(draft, changed).element,
    personFinder(draft, changed).element,
  ];
}

/**
 * @param {HoldDraft} draft
 * @param {() => void} changed
 */
function roomFinder(draft, changed) {
  const { wizard } = complianceWords;
  return new ChoiceFinder({
    legend: wizard.rooms,
    label: wizard.findRoom,
    find: async (name) => {
      const { rooms } = await request('GET', door('rooms', { name, limit: 8 }));
      return rooms.map((/** @type {import('./shapes.js').RoomRecord} */ { room_id, name, customers }) => ({
        id: room_id,
        name,
        about: words.listed(customers),
      }));
    },
    chosen: () => [...draft.rooms].map(([id, name]) => ({ id, name, about: '' })),
    isFixed: (id) => draft.base?.rooms.includes(id) ?? false,
    add: ({ id, name }) => {
      draft.rooms.set(id, name);
      changed();
    },
    remove: (id) => {
      draft.rooms.delete(id);
      changed();
    },
  });
}

/**
 * @param {HoldDraft} draft
 * @param {() => void} changed
 */
function personFinder(draft, changed) {
  const { wizard } = complianceWords;
  return new ChoiceFinder({
    legend: wizard.people,
    label: wizard.findPerson,
    find: async (name) => {
      const { people } = await request('GET', door('people', { name, limit: 8 }));
      return people.map((/** @type {import('./shapes.js').NamedPerson} */ person) => ({
        id: person.account_id,
        name: person.display_name ?? complianceWords.unknownPerson,
        about: person.customer_name ?? words.kinds[person.kind],
      }));
    },
    chosen: () => [...draft.people].map(([id, { name }]) => ({ id, name, about: '' })),
    isFixed: (id) => draft.base?.custodians.some(({ account_id }) => account_id === id) ?? false,
    add: ({ id, name }) => {
      draft.people.set(id, { name, covers: 'memberships' });
      changed();
    },
    remove: (id) => {
      draft.people.delete(id);
      changed();
    },
    more: (id) => coversChoice(draft, id, changed),
  });
}

/**
 * @param {HoldDraft} draft
 * @param {string} accountId
 * @param {() => void} changed
 */
function coversChoice(draft, accountId, changed) {
  const person = draft.people.get(accountId);
  if (!person) return null;
  const options = Object.entries(complianceWords.wizard.coversNames).map(([value, text]) =>
    build('option', { value, selected: value === person.covers }, text),
  );
  const choice = build('select', { class: 'input small', 'aria-label': complianceWords.wizard.covers(person.name) }, ...options);
  choice.addEventListener('change', () => {
    person.covers = /** @type {Custodian['covers']} */ (choice.value);
    changed();
  });
  return choice;
}

/**
 * @param {HoldDraft} draft
 * @param {() => void} changed
 */
export function limitsStep(draft, changed) {
  const { wizard, from, until, day } = complianceWords;
  const begin = textField(from, { name: 'from', type: 'date', required: false, value: draft.from });
  const end = textField(until, { name: 'until', type: 'date', required: false, value: draft.until });
  begin.addEventListener('input', (event) => {
    draft.from = valueOf(event);
    changed();
  });
  end.addEventListener('input', (event) => {
    draft.until = valueOf(event);
    changed();
  });
  return [
    build('p', { class: 'quiet' }, draft.base ? wizard.widerSpan(spanInWords(draft.base)) : wizard.limitsLead),
    build('fieldset', { class: 'field' }, build('legend', {}, wizard.span), build('div', { class: 'span-fields' }, begin, end), build('p', { class: 'hint' }, day)),
    build('fieldset', { class: 'field' }, build('legend', {}, wizard.kinds), ...KINDS.map((kind) => kindCheck(draft, kind, changed))),
  ];
}

/**
 * @param {HoldDraft} draft
 * @param {ContentKind} kind
 * @param {() => void} changed
 */
function kindCheck(draft, kind, changed) {
  const isFixed = draft.base?.kinds.includes(kind) ?? false;
  const field = checkField(complianceWords.hold.kindNames[kind], { name: kind, checked: draft.kinds.has(kind), disabled: isFixed });
  field.addEventListener('change', (event) => {
    if (/** @type {HTMLInputElement} */ (event.target).checked) draft.kinds.add(kind);
    else draft.kinds.delete(kind);
    changed();
  });
  return field;
}

/** @param {HoldDraft} draft */
export function reasonStep(draft) {
  const field = reasonField();
  const area = field.querySelector('textarea');
  if (area) area.value = draft.reason;
  field.addEventListener('input', (event) => {
    draft.reason = valueOf(event);
  });
  return [build('p', { class: 'quiet' }, complianceWords.wizard.reasonLead), field];
}

/** @param {Event} event */
function valueOf(event) {
  return /** @type {HTMLInputElement|HTMLTextAreaElement} */ (event.target).value;
}
