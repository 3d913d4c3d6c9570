import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackOff } from '../../../static/connection/back-off.js';
import { CLOSE_CODES } from '../../../static/connection/close-codes.js';
import { SocketConnection } from '../../../static/connection/socket-connection.js';
import { FakeSocket, FakeTimers, settled } from '../fakes.mjs';

function connect({ random = () => 0.5, checkSession, admits } = {}) {
  const timers = new FakeTimers();
  const sockets = [];
  const heard = { phases: [], frames: [], stopped: null };
  const connection = new SocketConnection({
    openSocket: () => {
      sockets.push(new FakeSocket());
      return sockets.at(-1);
    },
    listener: {
      admits,
      onPhase: (phase) => heard.phases.push(phase),
      onFrame: (frame) => heard.frames.push(frame),
      onStopped: (close) => (heard.stopped = close),
    },
    timers,
    random,
    checkSession,
  });
  connection.start();
  return { connection, timers, sockets, heard, latest: () => sockets.at(-1) };
}

test('the line is open only after the hello', () => {
  const { connection, latest } = connect();
  assert.equal(connection.phase, 'connecting');
  latest().hello();
  assert.equal(connection.phase, 'open');
});

test('a hello that is not for us opens no line, and nothing is sent on it', async () => {
  const { connection, heard, sockets, timers, latest } = connect({ admits: ({ account }) => account.account_id === 'anna' });
  latest().hello({ account: { account_id: 'anna' } });
  assert.equal(connection.phase, 'open', 'hers opens one');
  latest().lose();
  await timers.pass(2_000);
  latest().hello({ account: { account_id: 'ben' } });
  await timers.pass(20_000);
  assert.deepEqual(heard.phases, ['connecting', 'open', 'waiting', 'connecting', 'idle']);
  assert.deepEqual([latest().isClosed, latest().sent, sockets.length], [true, [], 2]);
  await assert.rejects(connection.send('post_message', {}), { code: 'not_connected' });
});

test('a reply settles the command with its ref and no other', async () => {
  const { connection, latest } = connect();
  latest().hello();
  const first = connection.send('list_rooms');
  const second = connection.send('list_people');
  latest().answer('list_people', { accounts: [] });
  latest().answer('list_rooms', { rooms: [] });
  assert.deepEqual(await first, { rooms: [] });
  assert.deepEqual(await second, { accounts: [] });
});

test('an error reply rejects with its code, its params and whether to try again', async () => {
  const { connection, latest } = connect();
  latest().hello();
  const reply = connection.send('post_message', {});
  const error = { code: 'rate_exceeded', message: 'm', retry: true, params: { retry_after_seconds: 3 } };
  latest().say({ type: 'reply', ref: latest().sent[0].ref, error });
  await assert.rejects(reply, { code: 'rate_exceeded', retry: true, params: { retry_after_seconds: 3 } });
});

test('a command without an answer times out, and without a line it is refused at once', async () => {
  const { connection, latest, timers } = connect();
  await assert.rejects(connection.send('list_rooms'), { code: 'not_connected', retry: true });
  latest().hello();
  const reply = assert.rejects(connection.send('list_rooms'), { code: 'timed_out', retry: true });
  await timers.pass(15_000);
  await reply;
});

test('a lost line rejects what waits for an answer', async () => {
  const { connection, latest } = connect();
  latest().hello();
  const reply = connection.send('list_rooms');
  latest().lose();
  await assert.rejects(reply, { code: 'connection_lost', retry: true });
});

test('back-off doubles its ceiling up to a limit, and jitters over the whole of it', () => {
  const ceilings = new BackOff({ random: () => 0.999999 });
  assert.deepEqual([...Array(8)].map(() => ceilings.nextDelayMs()), [499, 999, 1999, 3999, 7999, 15999, 29999, 29999]);
  const floor = new BackOff({ random: () => 0 });
  assert.deepEqual([floor.nextDelayMs(), floor.nextDelayMs()], [0, 0]);
});

test('a lost line comes back after a jittered delay', async () => {
  const { latest, sockets, timers } = connect({ random: () => 0.5 });
  latest().hello();
  latest().lose();
  assert.deepEqual(timers.delays, [250]);
  await timers.pass(249);
  assert.equal(sockets.length, 1);
  await timers.pass(1);
  assert.equal(sockets.length, 2);
});

test('a line that breaks within seconds of its hello does not count as a success', async () => {
  const { latest, timers } = connect({ random: () => 0.5 });
  for (const delay of [250, 500, 1000, 2000]) {
    latest().hello();
    latest().lose();
    assert.deepEqual(timers.delays, [delay]);
    await timers.pass(delay);
  }
  latest().hello();
  await timers.pass(5_000);
  latest().lose();
  assert.deepEqual(timers.delays, [250]);
});

test('goodbye says not before when to come back', async () => {
  const { latest, sockets, timers } = connect({ random: () => 0.5 });
  latest().hello();
  latest().say({ type: 'goodbye', code: 1012, reconnect: true, not_before_ms: 4_000 });
  latest().lose(1012);
  assert.deepEqual(timers.delays, [4_250]);
  await timers.pass(4_250);
  assert.equal(sockets.length, 2);
});

test('a hurry does not come back before the goodbye allowed it', async () => {
  const { connection, latest, sockets, timers } = connect();
  latest().hello();
  latest().say({ type: 'goodbye', code: 4006, reconnect: true, not_before_ms: 4_000 });
  latest().lose(4006);
  connection.hurry();
  await timers.pass(3_999);
  assert.equal(sockets.length, 1);
  await timers.pass(1);
  assert.equal(sockets.length, 2);
});

test('goodbye is believed where the browser sees the close as 1006', async () => {
  const { connection, latest, heard } = connect();
  latest().hello();
  latest().say({ type: 'goodbye', code: 4001, reconnect: false, not_before_ms: 0 });
  latest().lose(1006);
  assert.equal(connection.phase, 'stopped');
  assert.deepEqual(heard.stopped, { code: 4001, name: 'signed_out' });
});

for (const [code, { name, reconnect }] of Object.entries(CLOSE_CODES)) {
  test(`close code ${code} ${name}: reconnect ${reconnect}`, async () => {
    const { latest, sockets, timers, heard } = connect();
    latest().hello();
    latest().lose(Number(code));
    if (reconnect === 'at_once') assert.deepEqual(timers.delays, [0]);
    await timers.pass(60_000);
    assert.equal(sockets.length > 1, reconnect !== 'no');
    assert.equal(heard.stopped?.name, reconnect === 'no' ? name : undefined);
  });
}

test('a server that breaks the line at once with session_changed is not hammered', async () => {
  const { latest, timers } = connect({ random: () => 0.5 });
  latest().hello();
  latest().lose(4003);
  await timers.pass(0);
  latest().hello();
  latest().lose(4003);
  assert.deepEqual(timers.delays, [500]);
});

test('a refused handshake asks whether the session still holds, and stops where it does not', async () => {
  const { connection, latest, timers, heard } = connect({ checkSession: async () => 'signed_out' });
  latest().lose(1006);
  await timers.pass(60_000);
  assert.equal(connection.phase, 'stopped');
  assert.equal(heard.stopped.name, 'sign_in_required');
});

test('a refused handshake with a session that holds is tried again', async () => {
  const { latest, sockets, timers } = connect({ checkSession: async () => 'signed_in' });
  latest().lose(1006);
  await timers.pass(500);
  assert.equal(sockets.length, 2);
});

test('a line without a hello within ten seconds is given up', async () => {
  const { sockets, timers } = connect();
  await timers.pass(10_250);
  assert.equal(sockets[0].isClosed, true);
  assert.equal(sockets.length, 2);
});

test('a silent line is asked for a sign of life, and given up where none comes', async () => {
  const { latest, sockets, timers, connection } = connect();
  latest().hello();
  await timers.pass(50_000);
  assert.equal(latest().sent.at(-1).command, 'unsubscribe');
  await timers.pass(8_000);
  assert.equal(sockets[0].isClosed, true);
  assert.equal(connection.phase, 'waiting');
});

test('any frame counts as life', async () => {
  const { latest, sockets, timers } = connect();
  latest().hello();
  for (let beat = 0; beat < 8; beat += 1) {
    await timers.pass(20_000);
    latest().say({ type: 'presence', stream: 's', online: [], offline: [] });
  }
  assert.equal(latest().sent.length, 0);
  assert.equal(sockets.length, 1);
});

test('a refusal of the question is a sign of life too', async () => {
  const { latest, sockets, timers } = connect();
  latest().hello();
  await timers.pass(50_000);
  const error = { code: 'rate_exceeded', message: '', retry: true, params: {} };
  latest().say({ type: 'reply', ref: latest().sent.at(-1).ref, error });
  await timers.pass(10_000);
  assert.equal(sockets.length, 1);
});

test('hurry cuts a long wait short', async () => {
  const { connection, latest, sockets, timers } = connect({ random: () => 0.99 });
  for (let attempt = 0; attempt < 7; attempt += 1) {
    latest().lose();
    if (attempt < 6) await timers.pass(30_000);
  }
  const before = sockets.length;
  connection.hurry();
  await timers.pass(500);
  assert.equal(sockets.length, before + 1);
});

test('hurry asks an open line that was silent for some seconds', async () => {
  const { connection, latest, timers } = connect();
  latest().hello();
  connection.hurry();
  assert.equal(latest().sent.length, 0);
  await timers.pass(6_000);
  connection.hurry();
  assert.equal(latest().sent.length, 1);
});

test('a stopped line stays closed and hears nothing more', async () => {
  const { connection, latest, sockets, timers, heard } = connect();
  latest().hello();
  connection.stop();
  latest().say({ type: 'typing', stream: 's', account_id: 'a' });
  latest().lose();
  await timers.pass(60_000);
  await settled();
  assert.equal(sockets.length, 1);
  assert.equal(heard.frames.length, 0);
  assert.equal(connection.phase, 'idle');
});
