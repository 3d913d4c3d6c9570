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
import { request } from '../connection/http.js';
import { avatar } from '../elements/avatar.js';
import { build, fill } from '../elements/build.js';
import { ask, showLink } from '../elements/dialogs.js';
import { words } from '../words/english.js';

/** The provider's kinds: between these an account can change. A customer's account stays one. */
const PROVIDER_KINDS = /** @type {const} */ (['staff', 'compliance', 'admin']);

/** One account in the list of people, and what an admin can do with it. */
export class AccountLine {
  element = build('li', { class: 'card account-line' });
  #ownId;
  #onChange;

  /**
   * @param {string} ownId The admin's own account.
   * @param {() => void} onChange Something was done: fetch the list again.
   */
  constructor(ownId, onChange) {
    this.#ownId = ownId;
    this.#onChange = onChange;
  }

  /** @param {ListedAccount} account */
  update(account) {
    const isOwn = account.account_id === this.#ownId;
    const side = account.kind === 'customer' ? account.customer_name : words.kinds[account.kind];
    this.element.classList.toggle('is-off', Boolean(account.deactivated_at));
    fill(
      this.element,
      avatar(account.account_id, account.display_name),
      build(
        'div',
        { class: 'card-text' },
        build('h2', { class: 'card-title', dir: 'auto' }, account.display_name, isOwn && ` (${words.people.you})`),
        build('p', { class: 'quiet' }, account.email),
        build(
          'p',
          { class: 'account-side' },
          build('span', { class: 'badge' }, side ?? ''),
          account.deactivated_at && build('span', { class: 'badge off' }, words.people.deactivated),
        ),
      ),
      !isOwn && this.#actions(account),
    );
  }

  /** @param {ListedAccount} account */
  #actions(account) {
    const { display_name: name, deactivated_at: isOff } = account;
    const button = (/** @type {string} */ label, /** @type {() => void} */ act) =>
      build('button', { type: 'button', class: 'button small', 'aria-label': `${label}: ${name}`, onclick: act }, label);
    return build(
      'div',
      { class: 'card-actions', role: 'group', 'aria-label': words.people.actionsFor(name) },
      account.kind !== 'customer' && this.#kindChoice(account),
      !isOff && button(words.people.newLink, () => this.#makeLink(account)),
      isOff
        ? button(words.people.reactivate, () => void this.#change(account, { deactivated: false }))
        : button(words.people.deactivate, () => this.#askDeactivate(account)),
    );
  }

  /** @param {ListedAccount} account */
  #kindChoice(account) {
    const options = PROVIDER_KINDS.map((kind) =>
      build('option', { value: kind, selected: kind === account.kind }, words.kinds[kind]),
    );
    const choice = build(
      'select',
      { class: 'input small', 'aria-label': words.people.kindOf(account.display_name) },
      ...options,
    );
    choice.addEventListener('change', () => {
      const kind = choice.value;
      choice.value = account.kind;
      ask({
        title: words.people.kindTitle(account.display_name, words.kinds[/** @type {'staff'} */ (kind)].toLowerCase()),
        lead: words.people.kindLead,
        submit: words.people.change,
        act: () => this.#change(account, { kind }),
      });
    });
    return choice;
  }

  /** @param {ListedAccount} account */
  #askDeactivate(account) {
    ask({
      title: words.people.deactivateTitle(account.display_name),
      lead: words.people.deactivateLead,
      submit: words.people.deactivate,
      isGrave: true,
      act: () => this.#change(account, { deactivated: true }),
    });
  }

  /** @param {ListedAccount} account */
  #makeLink(account) {
    ask({
      title: words.people.linkTitle,
      submit: words.people.newLink,
      act: async (_, dialog) => {
        const { link } = await request('POST', `/api/accounts/${account.account_id}/link`, {});
        showLink(dialog, words.people.linkReady(account.display_name), new URL(link, location.origin).href);
      },
    });
  }

  /**
   * @param {ListedAccount} account
   * @param {Record<string, unknown>} change
   */
  async #change(account, change) {
    await request('PATCH', `/api/accounts/${account.account_id}`, change);
    this.#onChange();
  }
}
