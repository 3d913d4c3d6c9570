import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PeopleDirectory } from '../../../static/accounts/people-directory.js';
import { CommandError } from '../../../static/connection/command-error.js';
import { OpenRooms } from '../../../static/rooms/open-rooms.js';
import { settled } from '../fakes.mjs';
import { ModelRoom, seeded } from '../model-room.mjs';

/** Open rooms whose answers a test changes, and the ids that were asked for. */
function openRooms() {
  const asked = [];
  const now = { online: ['anna', 'ben'], read: 1, fails: false };
  const page = new ModelRoom(seeded(3)).page({ limit: 50 });
  const send = async (command, { room_id }) => {
    asked.push(room_id);
    if (now.fails) throw new CommandError('connection_lost', { retry: true });
    const shared = { seq: 0, reads_from_seq: 1, page, read_markers: [{ account_id: 'ben', seq: now.read }] };
    return { room: { room_id, name: room_id, members: [], people: [], online: now.online, streams: { shared } } };
  };
  const outbox = { of: () => [], settle: () => {} };
  const rooms = new OpenRooms({ accountId: 'anna', send, outbox, people: new PeopleDirectory() }, () => {});
  return { rooms, asked, now };
}

const line = (room_id) => ({ room_id, stream: `stream of ${room_id}` });

test('after a lost line the room used last learns who is there and who has read, and the others when they are used', async () => {
  const { rooms, asked, now } = openRooms();
  const one = rooms.open(line('one'));
  const other = rooms.open(line('other'));
  await settled();
  rooms.listed();
  assert.deepEqual(asked, ['one', 'other']);
  Object.assign(now, { online: ['anna'], read: 7 });
  rooms.connected();
  rooms.listed();
  await settled();
  assert.deepEqual([other.room.online, other.shared.markers.ben], [['anna'], 7]);
  assert.deepEqual([one.room.online, one.shared.markers.ben], [['anna', 'ben'], 1]);
  rooms.open(line('one'));
  await settled();
  assert.deepEqual([one.room.online, one.shared.markers.ben], [['anna'], 7]);
  rooms.open(line('one'));
  rooms.listed();
  assert.deepEqual(asked, ['one', 'other', 'other', 'one']);
});

test('what could not be fetched is fetched when the list has come again', async () => {
  const { rooms, now } = openRooms();
  const room = rooms.open(line('one'));
  await settled();
  Object.assign(now, { online: ['anna'], fails: true });
  rooms.connected();
  rooms.listed();
  await settled();
  assert.deepEqual(room.room.online, ['anna', 'ben']);
  now.fails = false;
  rooms.listed();
  await settled();
  assert.deepEqual(room.room.online, ['anna']);
});
