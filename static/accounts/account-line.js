/**
 * @typedef {object} ListedAccount
 * @property {string} account_id
 * @property {'customer'|'staff'|'compliance'|'admin'} kind
 * @property {string} display_name
 * @property {string} email
 * @property {string|null} customer_id
 * @property {string|null} customer_name
 * @property {string} created_at
 * @property {string|null} deactivated_at
 */
import { CommandError } from '../connection/command-error.js';
import { request } from '../connection/http.js';
import { arrange } from '../elements/arrange.js';
import { avatar } from '../elements/avatar.js';
import { build, mark, say } from '../elements/build.js';
import { ask, showLink } from '../elements/dialogs.js';
import { words } from '../words/english.js';

/** The provider's kinds: between these an account can change. A customer's account stays one. */
const PROVIDER_KINDS = /** @type {const} */ (['staff', 'compliance', 'admin']);

/**
 * One account in the list of people, and what an admin can do with it. Its controls are made once: after an act, the
 * dialog gives the focus back to the one that asked.
 */
export class AccountLine {
  /** @type {ListedAccount} */
  #account;
  #name = build('h2', { class: 'card-title', dir: 'auto' });
  #email = build('p', { class: 'quiet' });
  #side = build('span', { class: 'badge' });
  #off = build('span', { class: 'badge off' }, words.people.deactivated);
  #text = build('div', { class: 'card-text' }, this.#name, this.#email, build('p', { class: 'account-side' }, this.#side, this.#off));
  #kind = this.#kindChoice();
  #link = button(() => this.#makeLink());
  #access = button(() => (this.#account.deactivated_at ? void this.#reactivate() : this.#askDeactivate()));
  #actions = build('div', { class: 'card-actions', role: 'group' });
  element = build('li', { class: 'card account-line' });
  #ownId;
  #onChange;
  #onProblem;

  /**
   * @param {ListedAccount} account
   * @param {string} ownId The admin's own account.
   * @param {() => void} onChange Something was done: fetch the list again.
   * @param {(error: CommandError) => void} onProblem Something that no dialog asked for was refused.
   */
  constructor(account, ownId, onChange, onProblem) {
    this.#account = account;
    this.#ownId = ownId;
    this.#onChange = onChange;
    this.#onProblem = onProblem;
  }

  /** @param {ListedAccount} account */
  update(account) {
    this.#account = account;
    const { account_id: id, display_name: name, kind, deactivated_at: isOff } = account;
    const isOwn = id === this.#ownId;
    this.element.classList.toggle('is-off', Boolean(isOff));
    say(this.#name, isOwn ? `${name} (${words.people.you})` : name);
    say(this.#email, account.email);
    say(this.#side, (kind === 'customer' ? account.customer_name : words.kinds[kind]) ?? '');
    this.#off.hidden = !isOff;
    this.#drawActions();
    arrange(this.element, avatar(id, name), this.#text, !isOwn && this.#actions);
  }

  #drawActions() {
    const { display_name: name, kind, deactivated_at: isOff } = this.#account;
    mark(this.#actions, 'aria-label', words.people.actionsFor(name));
    mark(this.#kind, 'aria-label', words.people.kindOf(name));
    this.#kind.value = kind;
    label(this.#link, words.people.newLink, name);
    label(this.#access, isOff ? words.people.reactivate : words.people.deactivate, name);
    arrange(this.#actions, kind !== 'customer' && this.#kind, !isOff && this.#link, this.#access);
  }

  #kindChoice() {
    const options = PROVIDER_KINDS.map((kind) => build('option', { value: kind }, words.kinds[kind]));
    const choice = build('select', { class: 'input small' }, ...options);
    choice.addEventListener('change', () => {
      const { value: kind } = choice;
      choice.value = this.#account.kind;
      ask({
        title: words.people.kindTitle(this.#account.display_name, words.kinds[/** @type {'staff'} */ (kind)].toLowerCase()),
        lead: words.people.kindLead,
        submit: words.people.change,
        act: () => this.#change({ kind }),
      });
    });
    return choice;
  }

  #askDeactivate() {
    ask({
      title: words.people.deactivateTitle(this.#account.display_name),
      lead: words.people.deactivateLead,
      submit: words.people.deactivate,
      isGrave: true,
      act: () => this.#change({ deactivated: true }),
    });
  }

  #makeLink() {
    const { account_id: id, display_name: name } = this.#account;
    ask({
      title: words.people.linkTitle,
      submit: words.people.newLink,
      act: async (_, dialog) => {
        const { link } = await request('POST', `/api/accounts/${id}/link`, {});
        showLink(dialog, words.people.linkReady(name), new URL(link, location.origin).href);
      },
    });
  }

  async #reactivate() {
    try {
      await this.#change({ deactivated: false });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#onProblem(error);
    }
  }

  /** @param {Record<string, unknown>} change */
  async #change(change) {
    await request('PATCH', `/api/accounts/${this.#account.account_id}`, change);
    this.#onChange();
  }
}

/** @param {() => void} act */
function button(act) {
  return build('button', { type: 'button', class: 'button small', onclick: act });
}

/**
 * @param {HTMLElement} control
 * @param {string} text
 * @param {string} name Whom it is about, for the ear.
 */
function label(control, text, name) {
  say(control, text);
  mark(control, 'aria-label', `${text}: ${name}`);
}
