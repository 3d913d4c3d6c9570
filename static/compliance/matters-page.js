/**
 * All matters, with how many holds stand in each, and the way to a new one.
 *
 * @import { Matter } from './shapes.js'
 */
import { request } from '../connection/http.js';
import { build } from '../elements/build.js';
import { ask } from '../elements/dialogs.js';
import { Drawn } from '../elements/drawn.js';
import { textField } from '../elements/fields.js';
import { KeyedList } from '../elements/keyed-list.js';
import { go } from '../route.js';
import { complianceWords } from '../words/english-compliance.js';
import { addresses, door } from './addresses.js';
import { blank, ConsolePage } from './console-page.js';
import { instantOf, NameBook, NO_NAMES } from './figures.js';
import { reasonField } from './reason-field.js';

const LOOK_MS = 15_000;
const COUNTS = /** @type {const} */ ({ standing_holds: 'standing', holds_in_grace: 'grace', ended_holds: 'ended' });

export class MattersPage extends ConsolePage {
  #list = build('ul', { class: 'cards' });
  #empty = blank(complianceWords.matters.empty, complianceWords.matters.emptyLead);
  #names = NO_NAMES;
  /** @type {KeyedList<Matter>} */
  #lines = new KeyedList(
    this.#list,
    ({ matter_id }) => matter_id,
    () => new MatterLine(() => this.#names),
  );

  constructor() {
    super(LOOK_MS);
  }

  /** @override */
  draw() {
    const create = build('button', { type: 'button', class: 'button primary', onclick: () => askForMatter() }, complianceWords.matters.create);
    this.showHead(complianceWords.matters.title, complianceWords.matters.lead, create);
    this.#empty.hidden = true;
    this.showBody(this.#list, this.#empty);
  }

  /** @override */
  async fetch() {
    const { matters, names } = await request('GET', door('matters'));
    this.#names = new NameBook(names);
    this.#lines.show(matters);
    this.#empty.hidden = matters.length > 0;
  }
}

function askForMatter() {
  ask({
    title: complianceWords.matters.createTitle,
    fields: [
      textField(complianceWords.matters.name, { name: 'name', maxlength: 200, autocomplete: 'off' }, complianceWords.matters.nameHint),
      reasonField(),
    ],
    submit: complianceWords.matters.submit,
    act: async (answers) => {
      const asked = { name: String(answers.get('name')).trim(), reason: String(answers.get('reason')).trim() };
      const { matter } = await request('POST', door('matters'), asked);
      go(addresses.matter(matter.matter_id));
    },
  });
}

/** One matter in the list. */
class MatterLine {
  element = build('li', { class: 'card' });
  #drawn = new Drawn();
  #names;

  /** @param {() => NameBook} names */
  constructor(names) {
    this.#names = names;
  }

  /** @param {Matter} matter */
  update(matter) {
    if (!this.#drawn.differs(matter)) return;
    const { matters } = complianceWords;
    const opened = matters.openedBy(this.#names().person(matter.opened_by), instantOf(matter.opened_at));
    const names = /** @type {(keyof COUNTS)[]} */ (Object.keys(COUNTS)).filter((name) => matter[name] > 0);
    const badges = names.map((name) => build('span', { class: `badge hold-${COUNTS[name]}` }, matters.counted[name](matter[name])));
    this.element.replaceChildren(
      build(
        'div',
        { class: 'card-text' },
        build('h2', { class: 'card-title', dir: 'auto' }, build('a', { href: addresses.matter(matter.matter_id) }, matter.name)),
        build('p', { class: 'quiet' }, opened),
      ),
      build(
        'p',
        { class: 'badges' },
        ...(badges.length > 0 ? badges : [build('span', { class: 'badge' }, matters.noHolds)]),
        matter.closed_at ? build('span', { class: 'badge off' }, matters.closed) : '',
      ),
    );
  }
}

customElements.define('matters-page', MattersPage);
