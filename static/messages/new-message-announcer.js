/**
 * @import { RoomEvent } from '../connection/protocol-shapes.js'
 * @import { PeopleDirectory } from '../accounts/people-directory.js'
 */
import { build, fill } from '../elements/build.js';
import { words } from '../words/english.js';
import { summaryOf } from './message-summary.js';

const PAUSE_MS = 700;
const MOST_CHARACTERS = 300;

/** Reads new messages of others out to a screen reader, politely, and many of them as a number. */
export class NewMessageAnnouncer {
  element = build('div', { class: 'unseen', 'aria-live': 'polite', 'data-announcer': true });
  /** @type {RoomEvent[]} */
  #unsaid = [];
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  #people;
  #accountId;

  /**
   * @param {PeopleDirectory} people
   * @param {string} accountId
   */
  constructor(people, accountId) {
    this.#people = people;
    this.#accountId = accountId;
  }

  /** @param {readonly RoomEvent[]} events */
  arrived(events) {
    const posts = events.filter((event) => event.kind === 'message_posted' && event.actor_id !== this.#accountId);
    if (posts.length === 0) return;
    this.#unsaid.push(...posts);
    this.#timer ??= setTimeout(() => this.#announce(), PAUSE_MS);
  }

  end() {
    clearTimeout(this.#timer);
  }

  #announce() {
    this.#timer = undefined;
    const posts = this.#unsaid;
    this.#unsaid = [];
    const sentences = posts.map(({ actor_id, text = '', files }) => {
      const summary = summaryOf({ text, files }).slice(0, MOST_CHARACTERS);
      return words.messages.announced(this.#people.nameOf(actor_id) ?? words.somebody, summary);
    });
    const spoken = posts.length > 3 ? words.messages.announcedMany(posts.length) : sentences.join('\n');
    // A new element each time: a second "Yes" in an old one would change nothing, and nothing would be read out.
    fill(this.element, build('p', {}, spoken));
  }
}
