import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandError } from '../../../static/connection/command-error.js';
import { Outbox } from '../../../static/connection/outbox.js';
import { FakeStorage, FakeTimers, deferred, settled } from '../fakes.mjs';

const LOST = () => new CommandError('connection_lost', { retry: true });

function outbox({ storage = new FakeStorage(), send = async () => ({ seq: 1 }), accountId = 'anna', tab = accountId, needs } = {}) {
  const sent = [];
  const delivered = [];
  const timers = new FakeTimers();
  let minted = 0;
  const box = new Outbox({
    accountId,
    storage,
    timers,
    needs,
    mintId: () => `${tab}-${++minted}`,
    send: (command, fields) => {
      sent.push(fields);
      return send(fields, sent.length);
    },
    listener: { onDelivered: (entry) => delivered.push(entry.fields.text) },
  });
  const write = (text, stream = 'stream') => box.put('post_message', stream, { text });
  return { box, sent, delivered, timers, storage, write };
}

test('what is written without a line leaves in order, once, when it is back', async () => {
  const { box, delivered, sent, write } = outbox();
  for (const text of ['one', 'two', 'three']) write(text);
  await settled();
  assert.deepEqual(sent, []);
  box.connected();
  await settled();
  assert.deepEqual(delivered, ['one', 'two', 'three']);
  assert.equal(sent.length, 3);
  assert.equal(box.entries.length, 0);
});

test('in a stream one message is under way at a time, so that no failure turns their order', async () => {
  const first = deferred();
  const { box, sent, write } = outbox({ send: (_, count) => (count === 1 ? first.promise : Promise.resolve({})) });
  box.connected();
  write('one');
  write('two');
  await settled();
  assert.deepEqual(sent.map(({ text }) => text), ['one']);
  first.resolve({});
  await settled();
  assert.deepEqual(sent.map(({ text }) => text), ['one', 'two']);
});

test('streams do not wait for each other', async () => {
  const { box, sent, write } = outbox({ send: () => new Promise(() => {}) });
  box.connected();
  write('one', 'first');
  write('two', 'second');
  await settled();
  assert.equal(sent.length, 2);
});

test('after a lost line the same is sent again under the same id', async () => {
  const { box, sent, delivered, write } = outbox({
    send: async (_, count) => {
      if (count === 1) throw LOST();
      return {};
    },
  });
  box.connected();
  write('one');
  write('two');
  await settled();
  assert.equal(sent.length, 1);
  box.connected();
  await settled();
  assert.deepEqual(sent.map((fields) => fields.client_command_id), ['anna-1', 'anna-1', 'anna-2']);
  assert.deepEqual(delivered, ['one', 'two']);
});

test('after a time-out the same is sent again under the same id, though the line stands', async () => {
  const { box, sent, timers, write } = outbox({
    send: async (_, count) => {
      if (count === 1) throw new CommandError('timed_out', { retry: true });
      return {};
    },
  });
  box.connected();
  write('one');
  await timers.pass(2_000);
  assert.deepEqual(sent.map((fields) => fields.client_command_id), ['anna-1', 'anna-1']);
});

test('a server that asks for time is given it', async () => {
  const { box, sent, timers, write } = outbox({
    send: async (_, count) => {
      if (count === 1) throw new CommandError('rate_exceeded', { retry: true, params: { retry_after_seconds: 7 } });
      return {};
    },
  });
  box.connected();
  write('one');
  await timers.pass(6_999);
  assert.equal(sent.length, 1);
  await timers.pass(1_001);
  assert.equal(sent.length, 2);
});

test('a reload loses nothing and keeps the ids', async () => {
  const storage = new FakeStorage();
  const before = outbox({ storage });
  before.write('one');
  before.write('two');
  const after = outbox({ storage });
  after.box.connected();
  await settled();
  assert.deepEqual(after.sent.map((fields) => [fields.client_command_id, fields.text]), [['anna-1', 'one'], ['anna-2', 'two']]);
  assert.equal(storage.length, 0);
});

test('another account on the same machine never sees it', () => {
  const storage = new FakeStorage();
  outbox({ storage }).write('private');
  assert.equal(outbox({ storage, accountId: 'ben' }).box.entries.length, 0);
});

/** Two tabs of one browser, where each hears of what the other one changed in the storage of both. */
function twoTabs(options) {
  const tabs = [new FakeStorage(), new FakeStorage()];
  const boxes = tabs.map((storage, index) => outbox({ ...options, storage, tab: `tab${index + 1}` }));
  tabs.forEach((storage, index) => {
    const other = 1 - index;
    const tell = (key, newValue, change) => {
      change(storage);
      change(tabs[other]);
      boxes[other].box.storageChanged({ key, newValue });
    };
    const { setItem, removeItem } = FakeStorage.prototype;
    storage.setItem = (key, value) => tell(key, String(value), (each) => setItem.call(each, key, value));
    storage.removeItem = (key) => tell(key, null, (each) => removeItem.call(each, key));
  });
  return boxes;
}

test('what another tab left leaves with the rest when the line opens, in order', async () => {
  const [one, two] = twoTabs();
  one.write('first');
  await two.timers.pass(10);
  two.write('second');
  await one.timers.pass(20);
  one.write('third');
  two.box.connected();
  await settled();
  assert.deepEqual(two.delivered, ['first', 'second', 'third']);
  assert.deepEqual(two.sent.map((fields) => fields.client_command_id), ['tab1-1', 'tab2-1', 'tab1-2']);
  assert.deepEqual([one.box.entries, one.storage.length, one.sent], [[], 0, []]);
});

test('what another tab does not get rid of is shown and sent here after a while, and what it sent is not', async () => {
  const [one, two] = twoTabs();
  two.box.connected();
  one.write('stuck');
  await two.timers.pass(1_000);
  assert.deepEqual(two.sent, [], 'the tab that it was written in has the first turn');
  await two.timers.pass(10_000);
  assert.deepEqual(two.delivered, ['stuck']);
  one.box.connected();
  one.write('quick');
  await two.timers.pass(10_000);
  assert.deepEqual([one.delivered, two.delivered], [['quick'], ['stuck']]);
});

test('what another tab changed in a post that waits is sent as it changed it', async () => {
  const [one, two] = twoTabs();
  const { client_command_id } = one.write('with two files');
  await two.timers.pass(10_000);
  assert.equal(two.box.entries.length, 1, 'the other tab has nothing: this proves nothing');
  one.box.change(client_command_id, { fields: { text: 'with one file' } });
  two.box.connected();
  await settled();
  assert.deepEqual(two.delivered, ['with one file']);
});

test('signing out takes along what other tabs have not sent', async () => {
  const [one, two] = twoTabs();
  one.write('unsent');
  two.box.clear();
  assert.deepEqual([two.storage.length, one.box.entries], [0, []]);
});

test('what the server refuses stays visible, and the next one goes on', async () => {
  const { box, delivered, write } = outbox({
    send: async ({ text }) => {
      if (text === 'bad') throw new CommandError('room_archived', { params: {} });
      return {};
    },
  });
  box.connected();
  write('bad');
  write('good');
  await settled();
  assert.deepEqual(delivered, ['good']);
  assert.deepEqual(box.of('stream').map(({ state, error }) => [state, error.code]), [['failed', 'room_archived']]);
});

test('a failed message can be sent anew, under a new id, or thrown away', async () => {
  let refuses = true;
  const { box, sent, delivered, write, storage } = outbox({
    send: async () => {
      if (refuses) throw new CommandError('forbidden');
      return {};
    },
  });
  box.connected();
  write('one');
  write('two');
  await settled();
  refuses = false;
  box.retry('anna-1');
  box.discard('anna-2');
  await settled();
  assert.deepEqual(delivered, ['one']);
  assert.equal(sent.at(-1).client_command_id, 'anna-3');
  assert.equal(storage.length, 0);
});

test('what was seen as an event is not sent any more', async () => {
  const { box, sent, write } = outbox();
  const { client_command_id } = write('one');
  box.settle(client_command_id);
  box.connected();
  await settled();
  assert.deepEqual(sent, []);
});

test('signing out leaves nothing behind', async () => {
  const { box, sent, write, storage } = outbox();
  write('one');
  box.clear();
  box.connected();
  await settled();
  assert.equal(storage.length, 0);
  assert.deepEqual(sent, []);
});

test('a storage that is full costs the reload, not the message', async () => {
  const storage = new FakeStorage();
  storage.setItem = () => {
    throw new DOMException('full', 'QuotaExceededError');
  };
  const { box, delivered, write } = outbox({ storage });
  box.connected();
  write('one');
  await settled();
  assert.deepEqual(delivered, ['one']);
});

/** Posts whose text names a file wait until a test says how it stands. */
function withFiles(standing, options = {}) {
  const released = [];
  const made = outbox({
    ...options,
    needs: {
      readinessOf: ({ fields }) => standing[fields.text] ?? 'ready',
      fieldsOf: ({ fields }) => ({ ...fields, files: [fields.text] }),
      mend: () => false,
      release: ({ fields }, isDone) => released.push([fields.text, isDone]),
      ...options.needs,
    },
  });
  made.box.connected();
  return { ...made, released };
}

test('a post waits until its files are there, those after it too, and all leave in order', async () => {
  const standing = { file: 'coming' };
  const { box, delivered, sent, write } = withFiles(standing);
  for (const text of ['before', 'file', 'after']) write(text);
  box.put('edit_message', 'stream', { text: 'edit' });
  await settled();
  assert.deepEqual(delivered, ['before', 'edit'], 'only posts stand in an order');
  assert.deepEqual(box.of('stream').map((entry) => box.waitsForOthers(entry)), [false, true]);
  standing.file = 'ready';
  box.advance();
  await settled();
  assert.deepEqual(delivered, ['before', 'edit', 'file', 'after']);
  assert.deepEqual(sent[2].files, ['file']);
});

test('a post whose files need the person steps aside', async () => {
  const { delivered, write } = withFiles({ file: 'aside' });
  for (const text of ['file', 'after']) write(text);
  await settled();
  assert.deepEqual(delivered, ['after']);
});

test('a post can be sent ahead of one that waits', async () => {
  const { box, delivered, write } = withFiles({ file: 'coming' });
  write('file');
  const { client_command_id } = write('urgent');
  write('after');
  box.change(client_command_id, { ahead: true });
  await settled();
  assert.deepEqual(delivered, ['urgent']);
});

test('a refusal that is seen to is sent again under the same id when it is ready', async () => {
  const standing = {};
  const needs = {
    mend: ({ fields }, { code }) => {
      standing[fields.text] = 'coming';
      return code === 'not_received';
    },
  };
  const { box, delivered, sent, write } = withFiles(standing, {
    needs,
    send: async (_, count) => {
      if (count === 1) throw new CommandError('not_received', { retry: true });
      return {};
    },
  });
  write('file');
  await settled();
  assert.equal(sent.length, 1);
  standing.file = 'ready';
  box.advance();
  await settled();
  assert.deepEqual(delivered, ['file']);
  assert.deepEqual(sent.map((fields) => fields.client_command_id), ['anna-1', 'anna-1']);
});

test('what a post needed is let go when it is done, and thrown away with it', async () => {
  const { box, released, write } = withFiles({ kept: 'coming', dropped: 'coming' });
  write('sent');
  await settled();
  const kept = write('kept');
  const dropped = write('dropped');
  box.settle(kept.client_command_id);
  box.discard(dropped.client_command_id);
  assert.deepEqual(released, [['sent', true], ['kept', true], ['dropped', false]]);
});

test('a file can be taken out of a post that waits, also for its next life', async () => {
  const storage = new FakeStorage();
  const { box, write } = withFiles({ file: 'coming' }, { storage });
  const { client_command_id } = write('file');
  box.change(client_command_id, { fields: { text: 'file', uploads: ['left'] } });
  assert.deepEqual(outbox({ storage }).box.of('stream')[0].fields.uploads, ['left']);
});
