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
  #people;
  #rooms;

  /** @param {Names} names */
  constructor({ people, rooms }) {
    this.#people = new Map(people.map((person) => [person.account_id, person]));
    this.#rooms = new Map(rooms.map((room) => [room.room_id, room]));
  }

  /** @param {string|null} accountId */
  person(accountId) {
    const found = this.#people.get(accountId ?? '');
    return found?.display_name ?? complianceWords.unknownPerson;
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
    return this.#rooms.get(roomId)?.name ?? complianceWords.unknownRoom;
  }

  /** @param {string} id */
  knows(id) {
    return this.#people.has(id) || this.#rooms.has(id);
  }
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
