import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandError } from '../../../static/connection/command-error.js';
import { Outbox } from '../../../static/connection/outbox.js';
import { postsWithFiles } from '../../../static/files/posts-with-files.js';
import { TusClient } from '../../../static/files/tus-client.js';
import { Uploads } from '../../../static/files/uploads.js';
import { FakeStorage, FakeTimers, settled } from '../fakes.mjs';
import { FakeKeeper, ModelStore, NO_THUMBNAILS, file } from './model-store.mjs';

/** A tab of a browser whose tabs share storage and keeper. */
function openTab({ storage, keeper, store, send }) {
  const timers = new FakeTimers();
  const client = new TusClient(store.exchange);
  const alone = (_, __, act) => act();
  const uploads = new Uploads({ accountId: 'anna', storage, keeper, client, thumbnails: NO_THUMBNAILS, timers, alone });
  const box = new Outbox({ accountId: 'anna', storage, timers, send, needs: postsWithFiles(uploads) });
  uploads.start();
  return { uploads, box };
}

/** A post with a file that was refused, in two tabs. The second one hears of what the first one does. */
async function refusedInTwoTabs() {
  const browser = { storage: new FakeStorage(), keeper: new FakeKeeper(), store: new ModelStore() };
  const sent = [];
  let refuses = true;
  const send = async (_, { files }) => {
    if (refuses) throw new CommandError('room_archived');
    sent.push(files);
    return { seq: 1 };
  };
  const first = openTab({ ...browser, send });
  first.uploads.add('stream', [file(1)]);
  const uploads = first.uploads.takeDrafts('stream');
  while (first.uploads.readinessOf(uploads) !== 'ready') await settled();
  const { client_command_id: id } = first.box.put('post_message', 'stream', { text: 'With a file', uploads });
  first.box.connected();
  await settled();
  first.box.disconnected();
  const second = openTab({ ...browser, send });
  assert.deepEqual(second.box.entries.map(({ state }) => state), ['failed'], 'nothing was refused: this proves nothing');
  for (const method of ['setItem', 'removeItem']) {
    const change = browser.storage[method].bind(browser.storage);
    browser.storage[method] = (key, newValue = null) => {
      change(key, newValue);
      for (const part of [second.uploads, second.box]) part.storageChanged({ key, newValue });
    };
  }
  refuses = false;
  return { ...browser, first, second, sent, uploads, id };
}

test('a refused post that one tab sends again keeps its files, whatever other tabs hold', async () => {
  const { first, second, sent, keeper, id } = await refusedInTwoTabs();
  first.box.retry(id);
  assert.equal(keeper.files.size, 1);
  assert.deepEqual(second.box.entries, []);
  first.box.connected();
  await settled();
  assert.deepEqual(sent, [[{ file_id: 'file-1', alt_text: '' }]]);
  assert.equal(keeper.files.size, 0);
});

test('a refused post that is sent again is in the storage at every moment', async () => {
  const { first, storage, id } = await refusedInTwoTabs();
  const posts = () => Array.from({ length: storage.length }, (_, index) => storage.key(index)).filter((key) => key.includes('outbox'));
  const counts = [];
  const { removeItem } = storage;
  storage.removeItem = (key) => {
    removeItem(key);
    counts.push(posts().length);
  };
  first.box.retry(id);
  assert.deepEqual([...new Set(counts)], [1]);
});
