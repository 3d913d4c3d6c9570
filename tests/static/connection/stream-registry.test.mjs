import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandError } from '../../../static/connection/command-error.js';
import { StreamRegistry } from '../../../static/connection/stream-registry.js';
import { FakeTimers, settled } from '../fakes.mjs';

const HELLO = { epoch: 'epoch-1', limits: { subscriptions: 200 } };

function registry(answer = ({ streams }) => ({ streams: streams.map(({ stream, seq }) => ({ stream, seq: seq ?? 0 })), refused: [], reset: [] })) {
  const sent = [];
  const timers = new FakeTimers();
  const streams = new StreamRegistry(async (command, fields) => {
    sent.push({ command, ...fields });
    return command === 'subscribe' ? answer(fields) : { events: [], seq: fields.seq, more: false };
  }, timers);
  const heard = { events: [], resets: [], ended: [] };
  const listener = {
    onEvents: (events) => heard.events.push(...events),
    onReset: (stream) => heard.resets.push(stream),
    onEnded: (stream) => heard.ended.push(stream),
  };
  return { streams, sent, heard, listener, timers };
}

test('streams followed in one turn are subscribed to in one command, with their positions', async () => {
  const { streams, sent, listener } = registry();
  streams.connected(HELLO);
  streams.follow('one', 5, listener);
  streams.follow('two', null, listener);
  await settled();
  assert.deepEqual(sent, [
    { command: 'subscribe', streams: [{ stream: 'one', seq: 5 }, { stream: 'two' }], epoch: 'epoch-1' },
  ]);
});

test('more streams than one command takes are subscribed to in several, each once', async () => {
  const { streams, sent, listener } = registry();
  streams.connected({ ...HELLO, limits: { subscriptions: 450 } });
  for (let n = 0; n < 460; n += 1) streams.follow(`stream ${n}`, n, listener);
  await settled();
  assert.deepEqual(sent.map((command) => command.streams.length), [200, 200, 50]);
  assert.equal(new Set(sent.flatMap((command) => command.streams.map(({ stream }) => stream))).size, 450);
});

test('after every hello all streams are subscribed to again from where they are', async () => {
  const { streams, sent, listener } = registry();
  streams.connected(HELLO);
  streams.follow('one', 5, listener);
  await settled();
  streams.receive({ type: 'events', stream: 'one', events: [{ seq: 6 }] });
  streams.disconnected();
  streams.connected(HELLO);
  await settled();
  assert.deepEqual(sent.at(-1).streams, [{ stream: 'one', seq: 6 }]);
});

test('what was followed while there was no line is subscribed to with the next hello', async () => {
  const { streams, sent, listener } = registry();
  streams.follow('one', 5, listener);
  await settled();
  assert.deepEqual(sent, []);
  streams.connected(HELLO);
  await settled();
  assert.equal(sent.length, 1);
});

test('a refused stream ends, a foreign position is reset', async () => {
  const { streams, heard, listener } = registry(() => ({ streams: [], refused: ['one'], reset: ['two'] }));
  streams.connected(HELLO);
  streams.follow('one', 5, listener);
  streams.follow('two', 500, listener);
  await settled();
  assert.deepEqual(heard, { events: [], resets: ['two'], ended: ['one'] });
});

test('another epoch makes every position foreign', async () => {
  const { streams, heard, sent, listener } = registry();
  streams.connected(HELLO);
  streams.follow('one', 5, listener);
  await settled();
  streams.connected({ ...HELLO, epoch: 'epoch-2' });
  await settled();
  assert.deepEqual(heard.resets, ['one']);
  assert.deepEqual(sent.at(-1), { command: 'subscribe', streams: [{ stream: 'one' }], epoch: 'epoch-2' });
});

test('an unsubscribed stream ends at once', async () => {
  const { streams, heard, listener } = registry();
  streams.connected(HELLO);
  streams.follow('one', 5, listener);
  await settled();
  streams.receive({ type: 'unsubscribed', stream: 'one', reason: 'removed' });
  streams.receive({ type: 'events', stream: 'one', events: [{ seq: 6 }] });
  assert.deepEqual(heard, { events: [], resets: [], ended: ['one'] });
});

test('a subscription that failed for a moment is sent again', async () => {
  let fails = 1;
  const { streams, sent, listener, timers } = registry(() => {
    if (fails-- > 0) throw new CommandError('try_again', { retry: true });
    return { streams: [], refused: [], reset: [] };
  });
  streams.connected(HELLO);
  streams.follow('one', 5, listener);
  await timers.pass(2_000);
  assert.equal(sent.filter(({ command }) => command === 'subscribe').length, 2);
});
