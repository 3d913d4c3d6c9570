/**
 * A change of retention that is put together: which class, which days, which room. Its button simulates it; nothing
 * changes from here.
 *
 * @import { Change, RetentionClass } from './shapes.js'
 */
import { request } from '../connection/http.js';
import { build, say } from '../elements/build.js';
import { choiceField, textField } from '../elements/fields.js';
import { go } from '../route.js';
import { words } from '../words/english.js';
import { complianceWords } from '../words/english-compliance.js';
import { sentenceFor } from '../words/sentences.js';
import { addresses, door } from './addresses.js';
import { ConsolePage } from './console-page.js';

/** @typedef {{fields: HTMLElement[], about: string, read: (answers: FormData) => Record<string, unknown>}} Question */

const REMOVED_DAYS = 30;
const TITLES = /** @type {Record<string, string>} */ (complianceWords.change.titles);

export class ChangePage extends ConsolePage {
  #kind;
  #about;

  /**
   * @param {string} kind Of the change.
   * @param {string} about The class, the room or the kind of room it is about.
   */
  constructor(kind, about) {
    super();
    this.#kind = kind;
    this.#about = about;
  }

  /** @override */
  async fetch() {
    const { change } = complianceWords;
    const { classes } = await request('GET', door('retention/classes'));
    const { fields, about, read } = await this.#question(classes);
    const problem = build('p', { class: 'problem', role: 'alert' });
    const button = build('button', { type: 'submit', class: 'button primary' }, change.submit);
    const instant = textField(change.instant, { name: 'instant', type: 'date', required: false }, change.instantHint);
    const form = build('form', { class: 'form' }, ...fields, instant, problem, build('div', { class: 'form-actions' }, button));
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      button.disabled = true;
      const answers = new FormData(form);
      try {
        await this.#simulate({ kind: this.#kind, ...read(answers) }, String(answers.get('instant') ?? ''));
      } catch (error) {
        say(problem, sentenceFor(error));
        button.disabled = false;
      }
    });
    this.showHead([TITLES[this.#kind], about].filter(Boolean).join(': '), change.lead);
    this.showBody(form);
  }

  /**
   * @param {Change} change
   * @param {string} day
   */
  async #simulate(change, day) {
    const instant = day ? { instant: `${day}T00:00:00Z` } : {};
    const { simulation_id: simulationId } = await request('POST', door('retention/simulations'), { change, ...instant });
    go(addresses.simulation(simulationId));
  }

  /**
   * @param {RetentionClass[]} classes
   * @returns {Promise<Question>}
   */
  async #question(classes) {
    if (this.#kind === 'assign_room') return this.#roomQuestion(classes);
    if (this.#kind === 'assign_default') return defaultQuestion(classes, this.#about);
    const known = classes.find(({ class_id }) => class_id === this.#about) ?? null;
    if (this.#kind === 'lock_class' || this.#kind === 'remove_class') return plainQuestion(this.#kind, this.#about, known);
    return classQuestion(known);
  }

  /**
   * @param {RetentionClass[]} classes
   * @returns {Promise<Question>}
   */
  async #roomQuestion(classes) {
    const { room, room_class: chosen } = await request('GET', door(`rooms/${this.#about}`));
    return {
      about: room.name,
      fields: [classChoice(classes, chosen?.class_id ?? null)],
      read: (answers) => ({ room_id: this.#about, class_id: answers.get('class_id') || null }),
    };
  }
}

/**
 * @param {RetentionClass[]} classes
 * @param {string} kind
 * @returns {Question}
 */
function defaultQuestion(classes, kind) {
  const chosen = classes.find(({ default_for }) => default_for.includes(/** @type {'private'} */ (kind)));
  return {
    about: words.roomKinds[/** @type {'private'} */ (kind)] ?? '',
    fields: [classChoice(classes, chosen?.class_id ?? null)],
    read: (answers) => ({ room_kind: kind, class_id: answers.get('class_id') || null }),
  };
}

/**
 * @param {'lock_class'|'remove_class'} kind
 * @param {string} classId
 * @param {RetentionClass|null} known
 * @returns {Question}
 */
function plainQuestion(kind, classId, known) {
  const { change } = complianceWords;
  const lead = kind === 'lock_class' ? change.lockLead : change.removeLead;
  return { about: known?.name ?? '', fields: [build('p', { class: 'quiet' }, lead)], read: () => ({ class_id: classId }) };
}

/**
 * @param {RetentionClass|null} known Null for a new one.
 * @returns {Question}
 */
function classQuestion(known) {
  const { change } = complianceWords;
  const days = (/** @type {string} */ label, /** @type {string} */ name, /** @type {number|null|undefined} */ value, isNeeded = false) =>
    textField(label, { name, type: 'number', min: 1, max: 36_525, required: isNeeded, value: value ?? '' }, isNeeded ? undefined : change.open);
  const starts = /** @type {[string, string][]} */ (Object.entries(change.countedFromNames));
  return {
    about: known?.name ?? '',
    fields: [
      textField(change.name, { name: 'name', maxlength: 100, autocomplete: 'off', value: known?.name ?? '' }),
      known ? build('p', {}, `${change.countedFrom} ${change.countedFromNames[known.counted_from]}`) : choiceField(change.countedFrom, { name: 'counted_from' }, starts, 'sent'),
      days(change.keepDays, 'keep_days', known?.keep_days),
      days(change.destroyDays, 'destroy_days', known?.destroy_days),
      days(change.removedDays, 'removed_days', known?.removed_days ?? REMOVED_DAYS, true),
      build('p', { class: 'hint' }, change.dayHint),
    ],
    read: (answers) => ({
      ...(known && { class_id: known.class_id }),
      name: String(answers.get('name')).trim(),
      ...(!known && { counted_from: answers.get('counted_from') }),
      keep_days: daysFrom(answers.get('keep_days')),
      destroy_days: daysFrom(answers.get('destroy_days')),
      removed_days: daysFrom(answers.get('removed_days')),
    }),
  };
}

/**
 * @param {RetentionClass[]} classes
 * @param {string|null} chosen
 */
function classChoice(classes, chosen) {
  const { change } = complianceWords;
  const options = classes.filter(({ removed_at }) => !removed_at).map(({ class_id, name }) => /** @type {const} */ ([class_id, name]));
  return choiceField(change.class, { name: 'class_id' }, [['', change.noClass], ...options], chosen ?? '');
}

/** @param {FormDataEntryValue|null} value */
function daysFrom(value) {
  return value === null || value === '' ? null : Number(value);
}

customElements.define('change-page', ChangePage);
