import { CommandError } from '../connection/command-error.js';
import { build, fill, say } from '../elements/build.js';
import { KeyedList } from '../elements/keyed-list.js';
import { pageHeader } from '../elements/page-header.js';
import { words } from '../words/english.js';
import { sentenceFor } from '../words/sentences.js';
import { AccountLine } from './account-line.js';
import { fetchAccounts } from './all-accounts.js';
import { askForAccount } from './new-account-dialog.js';

/** @import { Workroom } from '../workroom.js' */
/** @import { ListedAccount } from './account-line.js' */

/** For admins: everybody with an account, new accounts, kinds, deactivating and reactivating. */
export class PeoplePage extends HTMLElement {
  /** @type {ListedAccount[]} */
  #accounts = [];
  #list = build('ul', { class: 'cards' });
  #problem = build('p', { class: 'problem', role: 'alert' });
  #lines;

  /** @param {Workroom} workroom */
  constructor(workroom) {
    super();
    this.#lines = new KeyedList(
      this.#list,
      (/** @type {ListedAccount} */ account) => account.account_id,
      (account) =>
        new AccountLine(
          account,
          workroom.account.account_id,
          () => void this.#fetch(),
          (error) => say(this.#problem, sentenceFor(error)),
        ),
    );
  }

  connectedCallback() {
    const create = build('button', { type: 'button', class: 'button primary' }, words.people.create);
    create.addEventListener('click', () => askForAccount(this.#customers(), () => void this.#fetch()));
    fill(
      this,
      pageHeader(words.people.title, words.people.lead, create),
      build('div', { class: 'page-body' }, this.#problem, this.#list),
    );
    void this.#fetch();
  }

  async #fetch() {
    try {
      this.#accounts = await fetchAccounts();
      this.#lines.show(this.#accounts);
      say(this.#problem, '');
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      say(this.#problem, sentenceFor(error));
    }
  }

  /** @returns {[string, string][]} The customers that have an account: id and name. */
  #customers() {
    const named = this.#accounts.flatMap(({ customer_id, customer_name }) =>
      customer_id ? [/** @type {[string, string]} */ ([customer_id, customer_name ?? ''])] : [],
    );
    return [...new Map(named)].sort(([, one], [, other]) => one.localeCompare(other));
  }
}

customElements.define('people-page', PeoplePage);
