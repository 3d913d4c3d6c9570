import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandError } from '../../../static/connection/command-error.js';
import { Desk } from '../../../static/desk/desk.js';
import { FakeTimers } from '../fakes.mjs';

const WAITING = { room_id: 'one', name: 'One', waiting_since: '2026-01-01T00:00:00Z' };

function deskWith(...failures) {
  const timers = new FakeTimers();
  const asked = [];
  const send = async (command) => {
    asked.push(command);
    const failure = command === 'list_waiting_rooms' && failures.shift();
    if (failure) throw failure;
    return { rooms: [WAITING] };
  };
  return { desk: new Desk(send, timers), timers, asked };
}

test('a list that could not be fetched is fetched again', async () => {
  const { desk, timers } = deskWith(new CommandError('unavailable', { retry: true }), new CommandError('timed_out', { retry: true }));
  desk.watch();
  await timers.pass(60_000);
  assert.deepEqual(desk.rooms, [WAITING]);
});

test('without a line, or the right, nobody asks again', async () => {
  for (const failure of [new CommandError('connection_lost', { retry: true }), new CommandError('forbidden')]) {
    const { desk, timers, asked } = deskWith(failure);
    desk.watch();
    await timers.pass(60_000);
    assert.deepEqual(asked, ['watch_desk', 'list_waiting_rooms']);
  }
});
