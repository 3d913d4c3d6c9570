/**
 * Opening a room's content for a matter, with a reason: the audit entry is written first, then everything is shown, each
 * version with who and when, deleted and expired things, internal notes, files.
 *
 * @import { Matter, OpenedPage } from './shapes.js'
 */
import { request } from '../connection/http.js';
import { build, say } from '../elements/build.js';
import { choiceField } from '../elements/fields.js';
import { complianceWords } from '../words/english-compliance.js';
import { sentenceFor } from '../words/sentences.js';
import { addresses, door } from './addresses.js';
import { blank, ConsolePage, linkButton } from './console-page.js';
import { NameBook } from './figures.js';
import { OpenedMessage } from './opened-message.js';
import { reasonField } from './reason-field.js';

export class OpeningPage extends ConsolePage {
  #entry = build('p', { class: 'opening-entry', role: 'status' });
  #list = build('ol', { class: 'opened' });
  #older = build('button', { type: 'button', class: 'button' }, complianceWords.opening.older);
  #destroyed = build('p', { class: 'quiet' });
  /** @type {{shared: number|null, staff: number|null}|null} Where the next page goes on. */
  #place = null;
  #destroyedCount = 0;
  #roomId;

  /** @param {string} roomId */
  constructor(roomId) {
    super();
    this.#roomId = roomId;
  }

  /** @override */
  async fetch() {
    const { opening } = complianceWords;
    const [{ room }, { matters }] = await Promise.all([
      request('GET', door(`rooms/${this.#roomId}`)),
      request('GET', door('matters')),
    ]);
    this.showHead(room.name, opening.title);
    const open = matters.filter((/** @type {Matter} */ { closed_at }) => !closed_at);
    if (open.length > 0) return this.showBody(this.#askForm(open));
    this.showBody(build('p', {}, opening.noMatters), build('p', {}, linkButton(addresses.matters, complianceWords.places.matters, true)));
  }

  /** @param {Matter[]} matters */
  #askForm(matters) {
    const { opening } = complianceWords;
    const problem = build('p', { class: 'problem', role: 'alert' });
    const options = matters.map(({ matter_id, name }) => /** @type {const} */ ([matter_id, name]));
    const button = build('button', { type: 'submit', class: 'button primary' }, opening.submit);
    const form = build(
      'form',
      { class: 'form' },
      build('p', { class: 'quiet' }, opening.lead),
      choiceField(opening.matter, { name: 'matter_id' }, options),
      reasonField(),
      problem,
      build('div', { class: 'form-actions' }, button),
    );
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      button.disabled = true;
      const answers = new FormData(form);
      const asked = { matter_id: String(answers.get('matter_id')), reason: String(answers.get('reason')).trim() };
      try {
        await this.#open(asked, matters.find(({ matter_id }) => matter_id === asked.matter_id)?.name ?? '');
      } catch (error) {
        say(problem, sentenceFor(error));
        button.disabled = false;
      }
    });
    return form;
  }

  /**
   * @param {{matter_id: string, reason: string}} asked
   * @param {string} matterName
   */
  async #open(asked, matterName) {
    const { opening } = complianceWords;
    const answer = await this.#read(asked);
    this.showBody(this.#entry, this.#destroyed, build('div', { class: 'button-row' }, this.#older), this.#list);
    say(this.#entry, opening.opened(matterName, answer.entry_number));
    this.#older.addEventListener('click', () => void this.attempt(() => this.#openOlder(asked)));
    this.#show(answer);
    if (answer.messages.length === 0 && !answer.place) this.showBody(this.#entry, this.#destroyed, blank(opening.empty, ''));
  }

  /** @param {{matter_id: string, reason: string}} asked */
  async #openOlder(asked) {
    this.#show(await this.#read(asked));
  }

  /** @param {{matter_id: string, reason: string}} asked */
  #read(asked) {
    return request('POST', door('openings'), { ...asked, room_id: this.#roomId, ...(this.#place && { place: this.#place }) });
  }

  /** @param {OpenedPage} answer */
  #show({ entry_number: entryNumber, messages, explanations, names, destroyed, place }) {
    const book = new NameBook(names);
    const explained = new Map(explanations.map((explanation) => [explanation.message_id, explanation]));
    const lines = messages.map((message) => new OpenedMessage(message, explained.get(message.message_id) ?? null, book, entryNumber));
    this.#list.prepend(...lines.map(({ element }) => element));
    this.#place = place;
    this.#older.hidden = place === null;
    this.#destroyedCount += destroyed;
    say(this.#destroyed, this.#destroyedCount > 0 ? complianceWords.opening.destroyed(this.#destroyedCount) : '');
  }
}

customElements.define('opening-page', OpeningPage);
