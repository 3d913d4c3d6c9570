/**
 * Numbers, sizes, dates and names of the console as people read them.
 *
 * @import { Names, Scope, Coverage } from './shapes.js'
 */
import { build } from '../elements/build.js';
import { words } from '../words/english.js';
import { complianceWords } from '../words/english-compliance.js';

const numbers = new Intl.NumberFormat(words.language);
const decimals = new Intl.NumberFormat(words.language, { maximumSignificantDigits: 3 });
const dates = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' });
const months = new Intl.DateTimeFormat(undefined, { month: 'short', year: 'numeric', timeZone: 'UTC' });
const instants = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const SIZES = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];

/** @param {number} count */
export function number(count) {
  return numbers.format(count);
}

/** @param {number} bytes */
export function byteSize(bytes) {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), SIZES.length - 1);
  const format = new Intl.NumberFormat(words.language, {
    style: 'unit',
    unit: SIZES[power],
    unitDisplay: power === 0 ? 'long' : 'short',
    maximumSignificantDigits: 3,
  });
  return format.format(bytes / 1000 ** power);
}

/**
 * @param {number} part Of 1.
 * @returns {string}
 */
export function percent(part) {
  return `${decimals.format(part * 100)} %`;
}

/** @param {string} instant The day, in UTC: retention counts in days of UTC. */
export function dayOf(instant) {
  return dates.format(new Date(instant));
}

/** @param {string} instant */
export function monthOf(instant) {
  return months.format(new Date(instant));
}

/** @param {string} instant */
export function instantOf(instant) {
  return instants.format(new Date(instant));
}

/** @param {string} instant */
export function timeElement(instant) {
  return build('time', { datetime: instant }, instantOf(instant));
}

/** Names of what an answer mentions by id. */
export class NameBook {
  /** @type {Map<string, string>} */
  #names;
  /** @type {Map<string, string>} */
  #rooms;
  #people;

  /** @param {Names} names */
  constructor({ people, rooms, matters, holds, classes, customers }) {
    const { hold, unknownPerson } = complianceWords;
    this.#people = new Map(people.map((person) => [person.account_id, person]));
    this.#names = new Map([
      ...people.map(({ account_id, display_name }) => pair(account_id, display_name ?? unknownPerson)),
      ...rooms.map(({ room_id, name }) => pair(room_id, `“${name}”`)),
      ...classes.map(({ class_id, name }) => pair(class_id, `“${name}”`)),
      ...matters.map(({ matter_id, name }) => pair(matter_id, `“${name}”`)),
      ...customers.map(({ customer_id, name }) => pair(customer_id, name)),
      ...holds.map(({ hold_id, matter_name, number }) => pair(hold_id, hold.inMatter(String(number), matter_name))),
    ]);
    this.#rooms = new Map(rooms.map(({ room_id, name }) => [room_id, name]));
  }

  /** @param {string|null} accountId */
  person(accountId) {
    return this.#people.get(accountId ?? '')?.display_name ?? complianceWords.unknownPerson;
  }

  /**
   * @param {string} accountId
   * @returns {string} With the customer, where the person is a customer's.
   */
  personLong(accountId) {
    const customer = this.#people.get(accountId)?.customer_name;
    return customer ? `${this.person(accountId)} (${customer})` : this.person(accountId);
  }

  /** @param {string} roomId */
  room(roomId) {
    return this.#rooms.get(roomId) ?? complianceWords.unknownRoom;
  }

  /**
   * @param {string} id Of anything.
   * @returns {string|null} Null where it has no name.
   */
  nameOf(id) {
    return this.#names.get(id) ?? null;
  }
}

/** A book without names. */
export const NO_NAMES = new NameBook({ people: [], rooms: [], matters: [], holds: [], classes: [], customers: [] });

/**
 * @param {string} id
 * @param {string} name
 */
function pair(id, name) {
  return /** @type {const} */ ([id, name]);
}

/**
 * @param {Pick<Scope, 'sent_from'|'sent_until'>} span
 * @returns {string}
 */
export function spanInWords({ sent_from: from, sent_until: until }) {
  if (from && until) return complianceWords.hold.spanBoth(dayOf(from), dayOf(until));
  if (from) return complianceWords.hold.spanFrom(dayOf(from));
  if (until) return complianceWords.hold.spanUntil(dayOf(until));
  return complianceWords.hold.spanAny;
}

/** @param {Scope} scope */
export function scopeInWords(scope) {
  const { hold } = complianceWords;
  const kinds = scope.kinds.length > 1 ? hold.bothKinds : scope.kinds.map((kind) => hold.kindNames[kind]).join();
  return `${hold.counts(scope.rooms.length, scope.custodians.length)} · ${kinds} · ${spanInWords(scope)}`;
}

/** The five numbers of a coverage, in the order in which they are shown. */
export const FIGURES = /** @type {(keyof Coverage)[]} */ (['rooms', 'people', 'messages', 'files', 'byte_size']);
