/** @import { ListedAccount } from './account-line.js' */
import { request } from '../connection/http.js';

/**
 * Everybody with an account, for admins. The service gives them page by page.
 *
 * @param {typeof request} [ask]
 * @returns {Promise<ListedAccount[]>} Rejects with a CommandError where one page fails.
 */
export async function fetchAccounts(ask = request) {
  /** @type {ListedAccount[]} */
  const accounts = [];
  let page = await ask('GET', '/api/accounts');
  accounts.push(...page.accounts);
  while (page.more) {
    page = await ask('GET', `/api/accounts?after=${accounts.at(-1)?.account_id}`);
    accounts.push(...page.accounts);
  }
  return accounts;
}
