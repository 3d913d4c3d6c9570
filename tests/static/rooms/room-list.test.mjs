import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PeopleDirectory } from '../../../static/accounts/people-directory.js';
import { CommandError } from '../../../static/connection/command-error.js';
import { RoomList } from '../../../static/rooms/room-list.js';
import { FakeTimers, deferred, settled } from '../fakes.mjs';
import { ModelRoom, seeded } from '../model-room.mjs';

function listOf(answer) {
  const timers = new FakeTimers();
  let asked = 0;
  const list = new RoomList({
    accountId: 'anna',
    people: new PeopleDirectory(),
    send: async () => ({ rooms: await answer(++asked) }),
    onListed: () => {},
    timers,
  });
  return { list, timers, asked: () => asked };
}

test('several reasons within a moment cost one request, and an urgent one does not wait for a patient one', async () => {
  const { list, timers, asked } = listOf(() => []);
  list.refreshSoon(30_000);
  list.refreshSoon(100);
  list.refreshSoon(400);
  await timers.pass(100);
  assert.equal(asked(), 1);
  await timers.pass(60_000);
  assert.equal(asked(), 1);
});

test('events that come while the list is fetched are not lost, and none counts twice', async () => {
  const room = new ModelRoom(seeded(4));
  for (let step = 0; step < 5; step += 1) room.post('ben');
  const answer = deferred();
  const { list } = listOf(() => answer.promise);
  const fetched = list.refresh();
  const early = room.line();
  const known = room.events.length;
  room.post('ben');
  list.receive('stream', room.events.slice(known - 1));
  answer.resolve([early]);
  await fetched;
  assert.equal(list.find('room').unread, room.line().unread);
  assert.equal(list.find('room').seq, room.seq);
});

test('a room that was entered while the list was fetched makes it be fetched again', async () => {
  const answer = deferred();
  const { list, timers, asked } = listOf((count) => (count === 1 ? answer.promise : [new ModelRoom(() => 0).line()]));
  const fetched = list.refresh();
  list.receiveOwn('own', [{ seq: 1, kind: 'room_entered', actor_id: 'ben', at: '', room_id: 'room' }]);
  answer.resolve([]);
  await fetched;
  await timers.pass(1_000);
  assert.equal(asked(), 2);
  assert.ok(list.find('room'));
});

test('a list that failed is asked for again, but not without a line', async () => {
  const fail = (code) => () => {
    throw new CommandError(code);
  };
  const broken = listOf(fail('internal_error'));
  broken.list.refreshSoon(0);
  await broken.timers.pass(5_000);
  assert.equal(broken.asked(), 2);
  const lost = listOf(fail('not_connected'));
  lost.list.refreshSoon(0);
  await lost.timers.pass(60_000);
  await settled();
  assert.equal(lost.asked(), 1);
});
