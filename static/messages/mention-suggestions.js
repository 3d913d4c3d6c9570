/**
 * @import { Person } from '../connection/protocol-shapes.js'
 */
import { avatar } from '../elements/avatar.js';
import { build, fill, mark } from '../elements/build.js';
import { words } from '../words/english.js';
import { matchingPeople, mentionBefore } from './mentions.js';

let count = 0;

/** Whom one may mean, while a mention is typed: arrow keys choose, Enter or Tab takes, Escape closes. */
export class MentionSuggestions {
  #id = `mentions-${++count}`;
  element = build('ul', { id: this.#id, class: 'mentions', role: 'listbox', 'aria-label': words.composer.mentions, hidden: true });
  /** @type {Person[]} */
  #people = [];
  #chosen = 0;
  #field;
  #candidates;

  /**
   * @param {HTMLTextAreaElement} field
   * @param {() => Person[]} candidates
   */
  constructor(field, candidates) {
    this.#field = field;
    this.#candidates = candidates;
    mark(field, 'aria-autocomplete', 'list');
    mark(field, 'aria-controls', this.#id);
    field.addEventListener('blur', () => this.close());
  }

  /** The text or the caret changed. */
  update() {
    const mention = mentionBefore(this.#field.value, this.#field.selectionStart);
    this.#people = mention ? matchingPeople(this.#candidates(), mention.query) : [];
    this.#chosen = 0;
    this.#draw();
  }

  close() {
    this.#people = [];
    this.#draw();
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} Whether the key was for the suggestions.
   */
  key(event) {
    if (this.#people.length === 0 || event.shiftKey) return false;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      const step = event.key === 'ArrowDown' ? 1 : -1;
      this.#chosen = (this.#chosen + step + this.#people.length) % this.#people.length;
      this.#draw();
    } else if (event.key === 'Enter' || event.key === 'Tab') this.#take(this.#people[this.#chosen]);
    else if (event.key === 'Escape') this.close();
    else return false;
    event.preventDefault();
    return true;
  }

  /** @param {Person} person */
  #take(person) {
    const caret = this.#field.selectionStart;
    const mention = mentionBefore(this.#field.value, caret);
    if (mention) this.#field.setRangeText(`@${person.display_name} `, mention.from, caret, 'end');
    this.close();
    this.#field.dispatchEvent(new Event('input'));
  }

  #draw() {
    this.element.hidden = this.#people.length === 0;
    fill(this.element, ...this.#people.map((person, index) => this.#option(person, index)));
    mark(this.#field, 'aria-activedescendant', this.element.hidden ? null : `${this.#id}-${this.#chosen}`);
  }

  /**
   * @param {Person} person
   * @param {number} index
   */
  #option(person, index) {
    const isChosen = String(index === this.#chosen);
    const side = person.kind === 'customer' ? person.customer_name : words.kinds[person.kind];
    const option = build(
      'li',
      { id: `${this.#id}-${index}`, class: 'mention-option', role: 'option', 'aria-selected': isChosen },
      avatar(person.account_id, person.display_name),
      build('span', { dir: 'auto' }, person.display_name),
      build('span', { class: 'quiet' }, side ?? ''),
    );
    // Before the field loses the focus, and closes this.
    option.addEventListener('pointerdown', (event) => {
      event.preventDefault();
      this.#take(person);
    });
    return option;
  }
}
