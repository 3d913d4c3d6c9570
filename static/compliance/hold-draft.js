/**
 * A hold that is being put together: what was chosen so far, and what is in the hold already where it is widened. It stays
 * while the window is open, so that an officer can leave the wizard, look something up, and come back.
 *
 * @import { ContentKind, Custodian, Hold, Scope } from './shapes.js'
 */

const DAY_START = 'T00:00:00Z';
export const KINDS = /** @type {ContentKind[]} */ (['messages', 'files']);

export class HoldDraft {
  step = 0;
  /** @type {Map<string, string>} Rooms that were chosen: id and name. */
  rooms = new Map();
  /** @type {Map<string, {name: string, covers: Custodian['covers']}>} People that were chosen. */
  people = new Map();
  /** @type {Set<ContentKind>} */
  kinds = new Set(KINDS);
  from = '';
  until = '';
  reason = '';
  /** @type {Scope|null} */
  #base;

  /** @param {Hold|null} hold The one that is widened. */
  constructor(hold) {
    this.#base = hold?.scope ?? null;
    if (!this.#base) return;
    this.kinds = new Set(this.#base.kinds);
    this.from = this.#base.sent_from?.slice(0, 10) ?? '';
    this.until = this.#base.sent_until?.slice(0, 10) ?? '';
  }

  get base() {
    return this.#base;
  }

  get isEmpty() {
    return this.rooms.size + this.people.size + (this.#base?.rooms.length ?? 0) + (this.#base?.custodians.length ?? 0) === 0;
  }

  get isBackwards() {
    return this.from !== '' && this.until !== '' && this.until <= this.from;
  }

  /** @returns {Scope} What was chosen, without what is in the hold already. */
  get added() {
    return {
      rooms: [...this.rooms.keys()],
      custodians: [...this.people].map(([account_id, { covers }]) => ({ account_id, covers })),
      sent_from: this.from ? `${this.from}${DAY_START}` : null,
      sent_until: this.until ? `${this.until}${DAY_START}` : null,
      kinds: KINDS.filter((kind) => this.kinds.has(kind)),
    };
  }

  /** @returns {Scope} Everything together: what is counted. */
  get whole() {
    const { rooms, custodians, ...limits } = this.added;
    return {
      ...limits,
      rooms: [...(this.#base?.rooms ?? []), ...rooms],
      custodians: [...(this.#base?.custodians ?? []), ...custodians],
    };
  }
}

/** @type {Map<string, HoldDraft>} By the matter or the hold they are for. */
const drafts = new Map();

/**
 * @param {string} key
 * @param {Hold|null} hold
 * @returns {HoldDraft} The one that was begun, or a new one.
 */
export function draftFor(key, hold) {
  const known = drafts.get(key);
  // A hold that was widened meanwhile begins anew: its scope is another.
  if (known && JSON.stringify(known.base) === JSON.stringify(hold?.scope ?? null)) return known;
  const draft = new HoldDraft(hold);
  drafts.set(key, draft);
  return draft;
}

/** @param {string} key */
export function forgetDraft(key) {
  drafts.delete(key);
}
