import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TusClient } from '../../../static/files/tus-client.js';
import { Upload } from '../../../static/files/upload.js';
import { recordOf } from '../../../static/files/upload-record.js';
import { FakeTimers, deferred, settled } from '../fakes.mjs';
import { ModelStore, file } from './model-store.mjs';

const MIB = 1024 * 1024;

function under(content, { record = {}, known = content, store = new ModelStore() } = {}) {
  const timers = new FakeTimers();
  const saved = [];
  const upload = new Upload({ ...recordOf(content, 'stream', 1), ...record }, known, {
    client: new TusClient(store.exchange),
    findFile: async () => null,
    save: (kept) => saved.push(kept),
    alone: (_, __, act) => act(),
    timers,
    random: () => 0.5,
  });
  return { upload, store, timers, saved };
}

async function until(predicate) {
  for (let turn = 0; turn < 200 && !predicate(); turn += 1) await settled();
  assert.ok(predicate());
}

test('a file is begun and sent piece by piece, each where the service stands', async () => {
  const { upload, store } = under(file(10 * MIB));
  upload.start();
  await until(() => upload.state === 'whole');
  assert.deepEqual(store.offsets(), [0, 4 * MIB, 8 * MIB]);
  assert.equal(upload.record.is_whole, true);
  assert.equal(upload.sentBytes, 10 * MIB);
});

test('an empty file is whole as soon as it is begun', async () => {
  const { upload, store } = under(file(0));
  upload.start();
  await until(() => upload.state === 'whole');
  assert.deepEqual(store.asked.map(({ method }) => method), ['POST']);
});

test('after a break it goes on where the service says that it stands', async () => {
  const { upload, store, timers } = under(file(10 * MIB));
  store.fail('PATCH', 0, { takes: 3 * MIB });
  upload.start();
  await until(() => upload.state === 'waiting');
  assert.equal(upload.problem.code, 'not_connected');
  await timers.pass(2_000);
  await until(() => upload.state === 'whole');
  assert.deepEqual(store.offsets().slice(0, 2), [0, 3 * MIB]);
  assert.equal(store.asked.filter(({ method }) => method === 'POST').length, 1);
});

test('a later life of the page asks first, and begins at the acknowledged byte', async () => {
  const store = new ModelStore();
  const content = file(10 * MIB);
  const first = under(content, { store });
  store.fail('PATCH', 0, { takes: 5 * MIB });
  first.upload.start();
  await until(() => first.upload.state === 'waiting');
  first.upload.stop();
  const asked = store.asked.length;
  const second = under(content, { store, record: first.upload.record });
  second.upload.start();
  await until(() => second.upload.state === 'whole');
  assert.deepEqual(store.asked.slice(asked).map(({ method }) => method)[0], 'HEAD');
  assert.equal(store.offsets()[1], 5 * MIB);
});

test('where its offset is not the one of the service, the service is asked and believed', async () => {
  const { upload, store, timers } = under(file(6 * MIB));
  store.fail('PATCH', 409, { error: { code: 'offset_mismatch', retry: false, params: { offset: 2 * MIB } }, takes: 2 * MIB });
  upload.start();
  await timers.pass(3_000);
  await until(() => upload.state === 'whole');
  assert.deepEqual(store.offsets(), [0, 2 * MIB]);
});

test('while another request writes it waits, longer each time, and asks again', async () => {
  const { upload, store, timers } = under(file(MIB));
  const locked = { code: 'upload_locked', retry: true, params: { retry_after_seconds: 1 } };
  for (let count = 0; count < 3; count += 1) store.fail('PATCH', 423, { error: locked });
  upload.start();
  await until(() => upload.state === 'waiting');
  assert.deepEqual(timers.delays, [1_500]);
  await timers.pass(1_500);
  await until(() => upload.state === 'waiting');
  assert.deepEqual(timers.delays, [2_000]);
  await timers.pass(60_000);
  await until(() => upload.state === 'whole');
});

test('a full disk is waited out, and said', async () => {
  const { upload, store, timers } = under(file(MIB));
  store.fail('POST', 507, { error: { code: 'storage_full', retry: true } });
  upload.start();
  await until(() => upload.state === 'waiting');
  assert.equal(upload.problem.code, 'storage_full');
  await timers.pass(5_000);
  await until(() => upload.state === 'whole');
  assert.equal(upload.problem, null);
});

test('what the service refuses for good needs the person, who can try again', async () => {
  const { upload, store } = under(file(MIB));
  store.fail('POST', 413, { error: { code: 'quota_exceeded', params: { quota: 'room', free: 5 } } });
  upload.start();
  await until(() => upload.state === 'failed');
  assert.deepEqual(upload.problem, { code: 'quota_exceeded', params: { quota: 'room', free: 5 } });
  await settled();
  upload.resume();
  upload.start();
  await until(() => upload.state === 'whole');
});

test('one that the service gave up after a day begins anew', async () => {
  const { upload, store } = under(file(MIB), { record: { file_id: 'gone' } });
  upload.start();
  await until(() => upload.state === 'whole');
  assert.deepEqual(store.asked.map(({ method }) => method), ['HEAD', 'POST', 'PATCH']);
});

test('a room that is not there (any more) is no reason to try for ever', async () => {
  const { upload, store } = under(file(MIB));
  store.fail('POST', 404, { error: { code: 'not_found' } });
  upload.start();
  await until(() => upload.state === 'failed');
  assert.equal(store.asked.length, 1);
});

test('where something on the way takes no long bodies, shorter ones are sent', async () => {
  const { upload, store, timers } = under(file(5 * MIB));
  store.fail('PATCH', 413);
  upload.start();
  await timers.pass(5_000);
  await until(() => upload.state === 'whole');
  const lengths = store.asked.filter(({ method }) => method === 'PATCH').map(({ length }) => length);
  assert.deepEqual(lengths, [4 * MIB, MIB, MIB, MIB, MIB, MIB]);
});

test('a pause stops it at once and lasts; going on asks where it stands', async () => {
  const { upload, store } = under(file(10 * MIB));
  upload.addEventListener('progress', () => upload.sentBytes === 4 * MIB && upload.pause());
  upload.start();
  await until(() => upload.state === 'paused');
  for (let turn = 0; turn < 10; turn += 1) await settled();
  assert.equal(upload.record.is_paused, true);
  assert.equal(upload.state, 'paused');
  const asked = store.asked.length;
  upload.resume();
  upload.start();
  await until(() => upload.state === 'paused' || upload.state === 'whole');
  assert.equal(store.asked[asked].method, 'HEAD');
});

test('a pause while it is being begun keeps what is begun, and going on begins no other', async () => {
  const { upload, store, saved } = under(file(MIB));
  const told = deferred();
  store.telling = told.promise;
  upload.start();
  await until(() => store.uploads.size === 1);
  upload.pause();
  await settled();
  upload.resume();
  upload.start();
  await settled();
  upload.pause();
  told.resolve();
  await settled();
  assert.deepEqual([upload.state, saved.at(-1).file_id, saved.at(-1).is_paused], ['paused', 'file-1', true]);
  assert.deepEqual(store.asked.map(({ method }) => method), ['POST']);
  upload.resume();
  upload.start();
  await until(() => upload.state === 'whole');
  assert.equal(store.uploads.size, 1);
});

test('where the answer to a creation was lost, the same is asked again', async () => {
  const { upload, store, timers } = under(file(MIB));
  store.fail('POST', 0, { begins: true });
  upload.start();
  await until(() => upload.state === 'waiting');
  await timers.pass(2_000);
  await until(() => upload.state === 'whole');
  assert.deepEqual([store.uploads.size, store.asked.filter(({ method }) => method === 'POST').length], [1, 2]);
});

test('a file that cannot be found has to be chosen again, and then goes on', async () => {
  const store = new ModelStore();
  const { upload } = under(file(MIB), { store, known: null });
  upload.start();
  await until(() => upload.state === 'missing');
  await settled();
  upload.supply(file(MIB));
  assert.equal(upload.state, 'queued');
  upload.start();
  await until(() => upload.state === 'whole');
});

test('a file that was changed on the disk is not taken for a lost line', async () => {
  const content = file(MIB);
  const broken = new DOMException('changed', 'NotReadableError');
  content.slice = () => ({ size: MIB, arrayBuffer: () => Promise.reject(broken) });
  const { upload, store } = under(content);
  store.fail('PATCH', 0);
  upload.start();
  await until(() => upload.state === 'failed');
  assert.equal(upload.problem.code, 'file_unreadable');
});

test('the line that came back ends a long wait', async () => {
  const { upload, store, timers } = under(file(MIB));
  for (let count = 0; count < 4; count += 1) store.fail('POST', 0);
  upload.start();
  for (let count = 0; count < 4; count += 1) {
    await until(() => upload.state === 'waiting' && timers.delays.length > 0);
    const waiting = store.asked.length;
    upload.hurry();
    await until(() => store.asked.length > waiting);
    await settled();
  }
  await until(() => upload.state === 'whole');
});

test('a message that found it not whole has it asked again, later each time', async () => {
  const { upload, store, timers } = under(file(MIB));
  upload.start();
  await until(() => upload.state === 'whole');
  await settled();
  for (const delayMs of [500, 1_000]) {
    assert.equal(upload.doubt('not_received'), true);
    upload.start();
    await settled();
    assert.deepEqual(timers.delays, [delayMs]);
    await timers.pass(delayMs);
    await until(() => upload.state === 'whole');
    await settled();
  }
  assert.equal(store.asked.at(-1).method, 'HEAD');
});

test('a message that was refused because of it once more is refused for good', async () => {
  const { upload } = under(file(1), { record: { is_whole: true, file_id: 'file-9' } });
  assert.equal(upload.doubt('not_found'), true);
  upload.adopt({ ...upload.record, is_whole: true });
  assert.equal(upload.doubt('not_found'), false);
});
