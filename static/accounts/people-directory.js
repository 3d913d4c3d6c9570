/**
 * Everybody this browser has heard of, by account id: members of rooms, authors who left, the account itself. Events
 * name ids only; the names they are shown with come from here.
 *
 * @import { Person } from '../connection/protocol-shapes.js'
 */
export class PeopleDirectory extends EventTarget {
  /** @type {Map<string, Person>} */
  #people = new Map();

  /** @param {readonly Person[]} people */
  learn(people) {
    for (const person of people) this.#people.set(person.account_id, { ...this.#people.get(person.account_id), ...person });
    if (people.length > 0) this.dispatchEvent(new Event('change'));
  }

  /**
   * @param {string} accountId
   * @returns {Person|undefined}
   */
  find(accountId) {
    return this.#people.get(accountId);
  }

  /**
   * @param {string} accountId
   * @returns {string|undefined} Undefined where the account is unknown, or its profile was erased.
   */
  nameOf(accountId) {
    return this.#people.get(accountId)?.display_name ?? undefined;
  }

  /**
   * @param {string} accountId
   * @returns {boolean} Whether this is one of the provider's people.
   */
  isProvider(accountId) {
    const kind = this.#people.get(accountId)?.kind;
    return kind !== undefined && kind !== 'customer';
  }
}
