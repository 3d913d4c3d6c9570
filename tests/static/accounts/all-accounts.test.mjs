import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetchAccounts } from '../../../static/accounts/all-accounts.js';

const PAGES = {
  '/api/accounts': { accounts: [{ account_id: 'anna' }, { account_id: 'ben' }], more: true },
  '/api/accounts?after=ben': { accounts: [{ account_id: 'cleo' }], more: true },
  '/api/accounts?after=cleo': { accounts: [{ account_id: 'dan' }], more: false },
};

test('an admin sees everybody, however many pages there are', async () => {
  const accounts = await fetchAccounts(async (method, path) => PAGES[path]);
  assert.deepEqual(accounts.map(({ account_id }) => account_id), ['anna', 'ben', 'cleo', 'dan']);
});
