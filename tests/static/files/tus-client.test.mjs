import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TusClient } from '../../../static/files/tus-client.js';
import { ModelStore, answer, file } from './model-store.mjs';

async function refused(status, error) {
  const client = new TusClient(async () => answer(status, {}, error));
  try {
    await client.askOffset('file-1');
  } catch (problem) {
    return { code: problem.code, retry: problem.retry, params: problem.params };
  }
  return null;
}

test('an upload is begun with its length, its name in any script, and the stream it is for', async () => {
  const store = new ModelStore();
  const client = new TusClient(store.exchange);
  assert.equal(await client.begin({ id: 'our-1', name: 'Übersicht 表.pdf', stream: 'abc', byteSize: 12 }), 'file-1');
  const { length, metadata } = store.uploads.get('file-1');
  assert.equal(length, 12);
  const values = Object.fromEntries(metadata.split(',').map((pair) => pair.split(' ')));
  assert.equal(Buffer.from(values.filename, 'base64').toString('utf8'), 'Übersicht 表.pdf');
  assert.equal(Buffer.from(values.stream, 'base64').toString('utf8'), 'abc');
  assert.equal(Buffer.from(values.client_upload_id, 'base64').toString('utf8'), 'our-1');
});

test('every request says which tus it speaks', async () => {
  const versions = [];
  const store = new ModelStore();
  const client = new TusClient((request) => {
    versions.push(request.headers['Tus-Resumable']);
    return store.exchange(request);
  });
  const id = await client.begin({ id: 'our-1', name: 'a', stream: 's', byteSize: 3 });
  await client.askOffset(id);
  assert.equal(await client.send(id, 0, file(3)), 3);
  await client.end(id);
  assert.deepEqual(versions, ['1.0.0', '1.0.0', '1.0.0', '1.0.0']);
  assert.equal(store.uploads.size, 0);
});

test('an error is the one the service names', async () => {
  const error = { code: 'quota_exceeded', retry: false, params: { quota: 'room', free: 9 } };
  assert.deepEqual(await refused(413, error), error);
});

test('an answer without a body is known by its status', async () => {
  assert.deepEqual(await refused(404), { code: 'not_found', retry: false, params: {} });
  assert.deepEqual(await refused(423), { code: 'upload_locked', retry: true, params: {} });
  assert.deepEqual(await refused(507), { code: 'storage_full', retry: true, params: {} });
  assert.deepEqual(await refused(413), { code: 'proxy_too_large', retry: false, params: {} });
  assert.deepEqual(await refused(502), { code: 'unavailable', retry: true, params: {} });
});

test('an answer that says no offset is none', async () => {
  assert.deepEqual(await refused(200), { code: 'unavailable', retry: true, params: {} });
});
