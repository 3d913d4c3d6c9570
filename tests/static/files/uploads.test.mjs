import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TusClient } from '../../../static/files/tus-client.js';
import { Uploads } from '../../../static/files/uploads.js';
import { FakeStorage, FakeTimers, deferred, settled } from '../fakes.mjs';
import { FakeKeeper, ModelStore, NO_THUMBNAILS, file } from './model-store.mjs';

const MIB = 1024 * 1024;

function opened({ storage = new FakeStorage(), keeper = new FakeKeeper(), store = new ModelStore(), accountId = 'anna' } = {}) {
  const timers = new FakeTimers();
  const client = new TusClient(store.exchange);
  const uploads = new Uploads({ accountId, storage, keeper, client, thumbnails: NO_THUMBNAILS, timers, alone: (_, __, act) => act() });
  uploads.start();
  return { uploads, storage, keeper, store, timers };
}

async function until(predicate) {
  for (let turn = 0; turn < 300 && !predicate(); turn += 1) await settled();
  assert.ok(predicate());
}

const states = (uploads, stream = 'stream') => uploads.draftsOf(stream).map(({ state }) => state);

test('several at once are on their way, the others wait for their turn', async () => {
  const { uploads, store } = opened();
  uploads.add('stream', [1, 2, 3, 4, 5].map((size) => file(size, `${size}.txt`)));
  assert.equal(uploads.draftsOf('stream').filter((upload) => upload.isRunning).length, 3);
  await until(() => states(uploads).every((state) => state === 'whole'));
  assert.equal(store.uploads.size, 5);
});

test('a message takes so many files and no more', () => {
  const { uploads } = opened();
  uploads.connected({ files_per_message: 2, file_bytes: 100 });
  assert.equal(uploads.add('stream', [file(1, 'a'), file(1, 'b'), file(1, 'c')]), 1);
  assert.equal(uploads.add('stream', [file(1, 'd')]), 1);
  assert.equal(uploads.add('other', [file(1, 'e')]), 0);
});

test('a file that is too large fails before a byte of it is sent', async () => {
  const { uploads, store } = opened();
  uploads.connected({ files_per_message: 2, file_bytes: 100 });
  uploads.add('stream', [file(101)]);
  await settled();
  assert.deepEqual(states(uploads), ['failed']);
  assert.deepEqual(uploads.draftsOf('stream')[0].problem, { code: 'too_large', params: { limit: 100 } });
  assert.equal(store.asked.length, 0);
});

test('after a reload it goes on with the file that was kept, from where the service stands', async () => {
  const first = opened();
  first.store.fail('PATCH', 0, { takes: MIB });
  first.uploads.add('stream', [file(3 * MIB)]);
  await until(() => states(first.uploads)[0] === 'waiting');
  const second = opened(first);
  await until(() => states(second.uploads)[0] === 'whole');
  assert.deepEqual(first.store.offsets().slice(0, 2), [0, MIB]);
});

test('a file that was not kept is known again by name, size and time, and goes on', async () => {
  const first = opened();
  first.store.fail('PATCH', 0, { takes: MIB });
  first.uploads.add('stream', [file(3 * MIB)]);
  await until(() => states(first.uploads)[0] === 'waiting');
  const { uploads, store } = opened({ ...first, keeper: new FakeKeeper() });
  await until(() => states(uploads)[0] === 'missing');
  const { id } = uploads.draftsOf('stream')[0];
  assert.equal(uploads.supply(id, file(3 * MIB, 'other.pdf')), false);
  assert.equal(uploads.supply(id, file(3 * MIB, 'report.pdf', 6)), false);
  uploads.add('stream', [file(3 * MIB)]);
  assert.equal(uploads.draftsOf('stream').length, 1);
  await until(() => states(uploads)[0] === 'whole');
  assert.equal(store.offsets()[1], MIB);
});

test('what a message has waits for every one of its files', async () => {
  const { uploads, store } = opened();
  store.fail('POST', 413, { error: { code: 'quota_exceeded' } });
  uploads.add('stream', [file(1, 'a'), file(2, 'b')]);
  const ids = uploads.takeDrafts('stream');
  assert.deepEqual(uploads.draftsOf('stream'), []);
  assert.equal(uploads.readinessOf(ids), 'coming');
  await until(() => uploads.readinessOf(ids) === 'aside');
  uploads.listOf(ids).find(({ state }) => state === 'failed').resume();
  await until(() => uploads.readinessOf(ids) === 'ready');
  assert.equal(uploads.filesOf(ids).length, 2);
  assert.equal(uploads.readinessOf([...ids, 'unknown']), 'aside');
  assert.equal(uploads.readinessOf([]), 'ready');
});

test('alt text goes with the file', async () => {
  const { uploads } = opened();
  uploads.add('stream', [file(1)]);
  const [upload] = uploads.draftsOf('stream');
  upload.change({ alt_text: 'A kiln' });
  await until(() => upload.state === 'whole');
  assert.deepEqual(uploads.filesOf([upload.id]), [{ file_id: 'file-1', alt_text: 'A kiln' }]);
});

test('what a message has for good leaves the browser, and stays at the service', async () => {
  const { uploads, storage, keeper, store } = opened();
  uploads.add('stream', [file(1)]);
  const ids = uploads.takeDrafts('stream');
  await until(() => uploads.readinessOf(ids) === 'ready');
  uploads.claimed(ids);
  await settled();
  assert.deepEqual([storage.length, keeper.files.size, store.uploads.size], [0, 0, 1]);
});

test('what is thrown away leaves both, also where the service holds it for a moment', async () => {
  const { uploads, storage, keeper, store, timers } = opened();
  uploads.add('stream', [file(1)]);
  await until(() => states(uploads)[0] === 'whole');
  store.fail('DELETE', 423);
  uploads.cancel(uploads.draftsOf('stream')[0].id);
  assert.deepEqual(states(uploads), []);
  await timers.pass(10_000);
  assert.deepEqual([storage.length, keeper.files.size, store.uploads.size], [0, 0, 0]);
});

test('what is thrown away while it is being begun is ended as soon as it is there', async () => {
  for (const throwAway of [
    ({ uploads }) => uploads.cancel(uploads.draftsOf('stream')[0].id),
    ({ uploads, storage }) => uploads.storageChanged({ key: storage.key(0), newValue: null }),
  ]) {
    const page = opened();
    const told = deferred();
    page.store.telling = told.promise;
    page.uploads.add('stream', [file(1)]);
    await until(() => page.store.uploads.size === 1);
    throwAway(page);
    told.resolve();
    await page.timers.pass(1);
    assert.deepEqual([page.storage.length, page.store.uploads.size], [0, 0]);
    assert.deepEqual(page.store.asked.map(({ method }) => method), ['POST', 'DELETE']);
  }
});

test('what was begun without an answer is ended all the same, also by a later life of the page', async () => {
  const first = opened();
  first.store.fail('POST', 0, { begins: true });
  first.uploads.add('stream', [file(1)]);
  await until(() => states(first.uploads)[0] === 'waiting');
  first.uploads.end();
  const { uploads, store, timers } = opened({ ...first, keeper: new FakeKeeper() });
  await until(() => states(uploads)[0] === 'missing');
  assert.equal(store.uploads.size, 1);
  uploads.cancel(uploads.draftsOf('stream')[0].id);
  await timers.pass(1);
  assert.equal(store.uploads.size, 0);
});

test('what nobody has asked the service for is thrown away without a word to it', async () => {
  const { uploads, store } = opened();
  uploads.connected({ files_per_message: 9, file_bytes: 1 });
  uploads.add('stream', [file(2)]);
  uploads.cancel(uploads.draftsOf('stream')[0].id);
  await settled();
  assert.equal(store.asked.length, 0);
});

test('a room that is left takes its uploads along', async () => {
  const { uploads, storage } = opened();
  uploads.add('stream', [file(1)]);
  uploads.add('other', [file(1)]);
  uploads.leave('stream');
  assert.equal(uploads.draftsOf('stream').length, 0);
  assert.equal(storage.length, 1);
});

test('another window goes on with one, and this one hears of it', async () => {
  const { uploads, storage, store } = opened();
  store.exchange = () => new Promise(() => {});
  uploads.add('stream', [file(7)]);
  const [upload] = uploads.draftsOf('stream');
  const key = storage.key(0);
  uploads.storageChanged({ key, newValue: JSON.stringify({ ...upload.record, file_id: 'file-7', is_whole: true }) });
  assert.equal(upload.state, 'whole');
  assert.equal(upload.sentBytes, 7);
  uploads.storageChanged({ key, newValue: null });
  assert.equal(uploads.find(upload.id), undefined);
  uploads.storageChanged({ key: 'workroom.upload.ben.x', newValue: JSON.stringify(upload.record) });
  assert.deepEqual(states(uploads), []);
});

test('signing out leaves nothing behind, and nothing goes on', async () => {
  const { uploads, storage, keeper, store } = opened();
  const told = deferred();
  store.telling = told.promise;
  uploads.add('stream', [file(9 * MIB)]);
  await until(() => store.uploads.size === 1);
  uploads.clear();
  told.resolve();
  const asked = store.asked.length;
  for (let turn = 0; turn < 20; turn += 1) await settled();
  assert.deepEqual([storage.length, keeper.files.size], [0, 0]);
  assert.ok(store.asked.length <= asked + 1);
});

test('another account on the same machine never sees it', async () => {
  const first = opened();
  first.uploads.add('stream', [file(1)]);
  const other = opened({ storage: first.storage, accountId: 'ben' });
  assert.deepEqual(states(other.uploads), []);
});
