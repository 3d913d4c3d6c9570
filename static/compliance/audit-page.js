/**
 * The audit trail, newest first, filtered by act, person, subject and time. The filter is in the address: it can be kept
 * and handed on.
 *
 * @import { AuditEntry, NamedPerson } from './shapes.js'
 */
import { fetchFile, request } from '../connection/http.js';
import { build, fill } from '../elements/build.js';
import { choiceField, textField } from '../elements/fields.js';
import { go } from '../route.js';
import { complianceWords } from '../words/english-compliance.js';
import { addresses, door } from './addresses.js';
import { auditLine } from './audit-line.js';
import { actInWords } from './audit-words.js';
import { blank, ConsolePage } from './console-page.js';
import { NameBook } from './figures.js';
import { saveFile } from './save-file.js';

const DAY_START = 'T00:00:00Z';
const EXPORT_NAME = 'workroom-audit.jsonl';

export class AuditPage extends ConsolePage {
  #form = build('form', { class: 'filter', 'aria-label': complianceWords.audit.filter });
  #list = build('ol', { class: 'trail' });
  #empty = blank(complianceWords.audit.empty, complianceWords.audit.emptyLead);
  #more = build('button', { type: 'button', class: 'button' }, complianceWords.more);
  /** @type {number|null} */
  #before = null;
  #filter;

  /** @param {string} filter As it stands in the address. */
  constructor(filter) {
    super();
    this.#filter = new URLSearchParams(filter);
  }

  /** @override */
  draw() {
    const { audit } = complianceWords;
    const save = build('button', { type: 'button', class: 'button', onclick: () => void this.attempt(() => this.#export()) }, audit.save);
    this.showHead(audit.title, audit.lead, save);
    this.#more.addEventListener('click', () => void this.attempt(() => this.#showPage()));
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      go(addresses.trail(filterFrom(new FormData(this.#form))));
    });
    this.#empty.hidden = true;
    this.#more.hidden = true;
    this.showBody(this.#form, this.#list, this.#empty, build('div', { class: 'button-row' }, this.#more), build('p', { class: 'quiet console-after' }, audit.export));
  }

  /** @override */
  async fetch() {
    const { acts, actors } = await request('GET', door('audit/filters'));
    this.#showFilter(acts, actors);
    await this.#showPage();
  }

  async #showPage() {
    const asked = Object.fromEntries(this.#filter);
    const { entries, names, more } = await request('GET', door('audit', { ...asked, before: this.#before }));
    const book = new NameBook(names);
    this.#list.append(...entries.map((/** @type {AuditEntry} */ entry) => auditLine(entry, book)));
    this.#before = entries.at(-1)?.entry_number ?? this.#before;
    this.#empty.hidden = this.#list.childElementCount > 0;
    this.#more.hidden = !more;
  }

  async #export() {
    const blob = await fetchFile('POST', door('audit/export'));
    saveFile(blob, EXPORT_NAME);
  }

  /**
   * @param {string[]} acts
   * @param {NamedPerson[]} actors Everybody who is in the trail.
   */
  #showFilter(acts, actors) {
    const { audit, from, until } = complianceWords;
    const asked = (/** @type {string} */ name) => this.#filter.get(name) ?? '';
    const people = actors.map(({ account_id, display_name }) => /** @type {const} */ ([account_id, display_name ?? complianceWords.unknownPerson]));
    fill(
      this.#form,
      choiceField(audit.act, { name: 'act' }, [['', audit.anyAct], ...acts.map((act) => /** @type {const} */ ([act, actInWords(act)]))], asked('act')),
      choiceField(audit.who, { name: 'actor' }, [['', audit.anybody], ...people], asked('actor')),
      textField(from, { name: 'from', type: 'date', required: false, value: asked('from').slice(0, 10) }),
      textField(until, { name: 'until', type: 'date', required: false, value: asked('until').slice(0, 10) }),
      textField(audit.subject, { name: 'subject', required: false, maxlength: 36, autocomplete: 'off', value: asked('subject') }),
      build(
        'div',
        { class: 'button-row' },
        build('button', { type: 'submit', class: 'button primary' }, audit.show),
        this.#filter.size > 0 && build('a', { class: 'button', href: addresses.audit }, audit.clear),
      ),
    );
  }
}

/** @param {FormData} answers */
function filterFrom(answers) {
  const filter = Object.fromEntries([...answers].map(([name, value]) => [name, String(value).trim()]));
  for (const day of ['from', 'until']) if (filter[day]) filter[day] += DAY_START;
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== ''));
}

customElements.define('audit-page', AuditPage);
