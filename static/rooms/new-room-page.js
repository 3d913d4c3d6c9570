import { build, fill, say } from '../elements/build.js';
import { checkField, radioField, textField } from '../elements/fields.js';
import { pageHeader } from '../elements/page-header.js';
import { go, roomAddress } from '../route.js';
import { words } from '../words/english.js';
import { sentenceFor } from '../words/sentences.js';

/**
 * @import { Workroom } from '../workroom.js'
 * @import { Customer } from '../connection/protocol-shapes.js'
 */

/** Opening a room: a customer for itself, the provider's people for one customer or several. */
export class NewRoomPage extends HTMLElement {
  #problem = build('p', { class: 'problem', role: 'alert' });
  #customers = build('fieldset', { class: 'field' });
  #workroom;

  /** @param {Workroom} workroom */
  constructor(workroom) {
    super();
    this.#workroom = workroom;
  }

  connectedCallback() {
    const { isProvider } = this.#workroom;
    const button = build('button', { type: 'submit', class: 'button primary' }, words.newRoom.submit);
    const form = build(
      'form',
      { class: 'form' },
      textField(words.newRoom.name, { name: 'name', maxlength: 120 }, words.newRoom.nameHint),
      isProvider && this.#kindField(),
      isProvider && this.#customers,
      this.#problem,
      build('div', { class: 'form-actions' }, button),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#create(new FormData(form), button);
    });
    const lead = isProvider ? words.newRoom.lead : words.newRoom.leadCustomer;
    fill(this, pageHeader(words.newRoom.title, lead), build('div', { class: 'page-body' }, form));
    if (isProvider) void this.#offerCustomers('private');
    form.querySelector('input')?.focus();
  }

  #kindField() {
    const field = radioField(
      words.newRoom.kind,
      'kind',
      [
        ['private', words.newRoom.private],
        ['shared', words.newRoom.shared],
      ],
      'private',
    );
    field.addEventListener('change', (event) => {
      void this.#offerCustomers(/** @type {HTMLInputElement} */ (event.target).value);
    });
    return field;
  }

  /** @param {string} kind */
  async #offerCustomers(kind) {
    try {
      const { customers } = await this.#workroom.send('list_people');
      const choices = customers.map((/** @type {Customer} */ { customer_id, name }) =>
        kind === 'private'
          ? build('label', { class: 'check' }, build('input', { type: 'radio', name: 'customer', value: customer_id }), name)
          : checkField(name, { name: 'customer', value: customer_id }),
      );
      if (choices.length === 0) choices.push(build('p', { class: 'quiet' }, words.newRoom.customersNone));
      fill(this.#customers, build('legend', {}, words.newRoom.customers), ...choices);
    } catch (error) {
      say(this.#problem, sentenceFor(error));
    }
  }

  /**
   * @param {FormData} answers
   * @param {HTMLButtonElement} button
   */
  async #create(answers, button) {
    const customerIds = answers.getAll('customer').map(String);
    if (this.#workroom.isProvider && customerIds.length === 0) return say(this.#problem, words.newRoom.customersChoose);
    const { account } = this.#workroom;
    const own = account.customer_id ? [account.customer_id] : [];
    button.disabled = true;
    try {
      const { room_id } = await this.#workroom.record('create_room', {
        kind: String(answers.get('kind') ?? 'private'),
        name: String(answers.get('name')).trim(),
        customer_ids: this.#workroom.isProvider ? customerIds : own,
      });
      await this.#workroom.roomList.refreshAnew();
      go(roomAddress(room_id));
    } catch (error) {
      say(this.#problem, sentenceFor(error));
    } finally {
      button.disabled = false;
    }
  }
}

customElements.define('new-room-page', NewRoomPage);
