/**
 * Finds things by name and adds them one by one: a search field, what was found, what was chosen.
 *
 * @typedef {object} Choice
 * @property {string} id
 * @property {string} name
 * @property {string} about A few words that tell it from others of that name.
 *
 * @import { Child } from '../elements/build.js'
 */
import { CommandError } from '../connection/command-error.js';
import { build, fill, say } from '../elements/build.js';
import { icon } from '../elements/icon.js';
import { complianceWords } from '../words/english-compliance.js';
import { sentenceFor } from '../words/sentences.js';

const PAUSE_MS = 200;
let count = 0;

export class ChoiceFinder {
  element = build('fieldset', { class: 'field finder' });
  #found = build('ul', { class: 'finder-lines' });
  #chosen = build('ul', { class: 'finder-lines chosen' });
  #status = build('p', { class: 'hint', role: 'status' });
  #problem = build('p', { class: 'problem', role: 'alert' });
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  #asked = 0;
  /** @type {Choice[]} */
  #choices = [];
  #input;
  #finder;

  /**
   * @param {object} finder
   * @param {string} finder.legend
   * @param {string} finder.label
   * @param {(text: string) => Promise<Choice[]>} finder.find
   * @param {() => readonly Choice[]} finder.chosen
   * @param {(id: string) => boolean} finder.isFixed Whether it is there already and stays.
   * @param {(choice: Choice) => void} finder.add
   * @param {(id: string) => void} finder.remove
   * @param {(id: string) => Child} [finder.more] What stands beside one that was chosen.
   */
  constructor(finder) {
    this.#finder = finder;
    const id = `finder-${++count}`;
    this.#input = build('input', { id, class: 'input', type: 'search', autocomplete: 'off', maxlength: 200 });
    this.#input.addEventListener('input', () => this.#findSoon());
    this.#input.addEventListener('keydown', (event) => {
      // Enter belongs to the search here, not to the form around it.
      if (event.key === 'Enter') event.preventDefault();
    });
    fill(
      this.element,
      build('legend', {}, finder.legend),
      this.#chosen,
      build('label', { class: 'unseen', for: id }, finder.label),
      this.#input,
      this.#problem,
      this.#found,
      this.#status,
    );
    this.#input.placeholder = finder.label;
    this.#showChosen();
    this.#findSoon(0);
  }

  #findSoon(pauseMs = PAUSE_MS) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#find(), pauseMs);
  }

  async #find() {
    const asked = ++this.#asked;
    try {
      const choices = await this.#finder.find(this.#input.value.trim());
      if (asked !== this.#asked) return;
      this.#choices = choices;
      say(this.#problem, '');
      this.#showFound();
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      say(this.#problem, sentenceFor(error));
    }
  }

  #showFound() {
    const { wizard } = complianceWords;
    const taken = new Set(this.#finder.chosen().map(({ id }) => id));
    const lines = this.#choices.map((choice) => {
      const isFixed = this.#finder.isFixed(choice.id);
      const add = build(
        'button',
        { type: 'button', class: 'button small', 'aria-label': wizard.add(choice.name), disabled: taken.has(choice.id), onclick: () => this.#add(choice) },
        icon('plus'),
      );
      return build('li', {}, nameOf(choice), isFixed ? build('span', { class: 'quiet' }, wizard.already) : add);
    });
    fill(this.#found, ...lines);
    say(this.#status, lines.length === 0 ? wizard.noneFound : '');
  }

  #showChosen() {
    const { wizard } = complianceWords;
    const lines = this.#finder.chosen().map((choice) =>
      build(
        'li',
        {},
        nameOf(choice),
        this.#finder.more?.(choice.id),
        build('button', { type: 'button', class: 'icon-button small', 'aria-label': wizard.remove(choice.name), onclick: () => this.#remove(choice.id) }, icon('close')),
      ),
    );
    fill(this.#chosen, ...lines);
    this.#chosen.hidden = lines.length === 0;
  }

  /** @param {Choice} choice */
  #add(choice) {
    this.#finder.add(choice);
    this.#showChosen();
    this.#showFound();
    this.#input.focus();
  }

  /** @param {string} id */
  #remove(id) {
    this.#finder.remove(id);
    this.#showChosen();
    this.#showFound();
    this.#input.focus();
  }
}

/** @param {Choice} choice */
function nameOf({ name, about }) {
  return build('span', { class: 'finder-name' }, build('span', { dir: 'auto' }, name), build('span', { class: 'quiet', dir: 'auto' }, about));
}
