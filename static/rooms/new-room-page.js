import { mintCommandId } from '../connection/command-id.js';
import { build, fill, say } from '../elements/build.js';
import { checkField, radioField, textField } from '../elements/fields.js';
import { Listening } from '../elements/listening.js';
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
  #listening = new Listening();
  #problem = build('p', { class: 'problem', role: 'alert' });
  #customers = build('fieldset', { class: 'field' });
  /** @type {Customer[]|null} Null until they were fetched. */
  #offered = null;
  #kind = 'private';
  // The same at every try with the same answers: one that was done, and of which nothing was heard, is done once.
  #commandId = mintCommandId();
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
    form.addEventListener('input', () => {
      this.#commandId = mintCommandId();
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#create(new FormData(form), button);
    });
    const lead = isProvider ? words.newRoom.lead : words.newRoom.leadCustomer;
    fill(this, pageHeader(words.newRoom.title, lead), build('div', { class: 'page-body' }, form));
    if (isProvider) {
      void this.#fetchCustomers();
      this.#listening.to(this.#workroom, 'phase', () => void this.#fetchCustomers());
    }
    form.querySelector('input')?.focus();
  }

  disconnectedCallback() {
    this.#listening.end();
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
      this.#kind = /** @type {HTMLInputElement} */ (event.target).value;
      this.#drawCustomers();
    });
    return field;
  }

  /** As soon as there is a line: the page may be opened before. */
  async #fetchCustomers() {
    if (this.#offered || this.#workroom.connection.phase !== 'open') return;
    try {
      const { customers } = await this.#workroom.send('list_people');
      this.#offered = customers;
      this.#drawCustomers();
    } catch (error) {
      say(this.#problem, sentenceFor(error));
    }
  }

  /** One customer or several, as the kind of room says; who was chosen stays chosen. */
  #drawCustomers() {
    if (!this.#offered) return;
    const chosen = [...this.#customers.querySelectorAll('input')].filter((input) => input.checked).map((input) => input.value);
    const kept = this.#kind === 'private' ? chosen.slice(0, 1) : chosen;
    const choices = this.#offered.map(({ customer_id, name }) => {
      const attributes = { name: 'customer', value: customer_id, checked: kept.includes(customer_id) };
      if (this.#kind !== 'private') return checkField(name, attributes);
      return build('label', { class: 'check' }, build('input', { type: 'radio', ...attributes }), name);
    });
    if (choices.length === 0) choices.push(build('p', { class: 'quiet' }, words.newRoom.customersNone));
    fill(this.#customers, build('legend', {}, words.newRoom.customers), ...choices);
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
        client_command_id: this.#commandId,
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
