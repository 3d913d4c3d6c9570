import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  accountEventApplied,
  inOrder,
  presenceChanged,
  readTo,
  roomEventApplied,
  roomsListed,
  totalUnread,
} from '../../../static/rooms/room-list-state.js';
import { ModelRoom, seeded } from '../model-room.mjs';

const READER = { accountId: 'anna', nameOf: (id) => id };

function shown(state) {
  const { posts, staffPosts, ...line } = state.rooms.room;
  return line;
}

function line(fields = {}) {
  return { ...new ModelRoom(() => 0).line(), ...fields };
}

function posted(seq, actor = 'ben', fields = {}) {
  const at = new Date(seq * 1000).toISOString();
  return { seq, kind: 'message_posted', actor_id: actor, at, message_id: `m${seq}`, text: `text ${seq}`, ...fields };
}

test('old list and the events received equal the list fetched afresh, or it says that it is stale', () => {
  let exact = 0;
  for (let seed = 1; seed <= 400; seed += 1) {
    const random = seeded(seed);
    const room = new ModelRoom(random, seed % 4 === 0 ? ['expire', 'expire one'] : []);
    for (let step = 0; step < 15; step += 1) room.step();
    room.readSeq = Math.floor(random() * room.seq);
    let state = roomsListed([room.line()]);
    for (let step = 0; step < 30; step += 1) {
      if (random() < 0.15) {
        room.readSeq = Math.max(room.readSeq, Math.floor(random() * (room.seq + 1)));
        state = accountEventApplied(state, { seq: step, kind: 'read_marker_moved', stream: 'stream', read_seq: room.readSeq });
      } else {
        const from = room.seq;
        room.step();
        for (const event of room.events.slice(from)) state = roomEventApplied(state, 'stream', event, READER);
      }
      if (state.stale) state = roomsListed([room.line()]);
      else exact += 1;
      assert.deepEqual(shown(state), room.line(), `seed ${seed}, step ${step}`);
    }
  }
  assert.ok(exact > 400 * 20, `most changes need no request, but only ${exact} did not`);
});

test("messages of others count, one's own do not", () => {
  let state = roomsListed([line({ seq: 10, read_seq: 10 })]);
  state = roomEventApplied(state, 'stream', posted(11), READER);
  state = roomEventApplied(state, 'stream', posted(12, 'anna'), READER);
  assert.equal(state.rooms.room.unread, 1);
  assert.equal(state.rooms.room.last_message.text, 'text 12');
});

test('an event that the list knew already is not counted again', () => {
  const state = roomsListed([line({ seq: 10, unread: 3 })]);
  assert.equal(roomEventApplied(state, 'stream', posted(10), READER), state);
});

test('reading on another device clears what is unread here', () => {
  let state = roomsListed([line({ seq: 10, unread: 3, mentioned: true })]);
  state = accountEventApplied(state, { seq: 1, kind: 'read_marker_moved', stream: 'stream', read_seq: 10 });
  assert.equal(state.rooms.room.unread, 0);
  assert.equal(state.rooms.room.mentioned, false);
  assert.equal(state.stale, false);
});

test('reading a part leaves what came after it', () => {
  let state = roomsListed([line({ seq: 10, read_seq: 10 })]);
  for (const seq of [11, 12, 13]) state = roomEventApplied(state, 'stream', posted(seq), READER);
  state = readTo(state, 'stream', 12);
  assert.equal(state.rooms.room.unread, 1);
});

test('internal notes count for themselves, and never become the last line', () => {
  let state = roomsListed([line({ staff_stream: 'notes', staff_seq: 4, staff_unread: 0 })]);
  state = roomEventApplied(state, 'notes', posted(5), READER);
  assert.equal(state.rooms.room.staff_unread, 1);
  assert.equal(state.rooms.room.unread, 0);
  assert.equal(state.rooms.room.last_message, null);
  assert.equal(totalUnread(state), 1);
  assert.equal(readTo(state, 'notes', 5).rooms.room.staff_unread, 0);
});

test('a mention is marked until it is read', () => {
  let state = roomsListed([line({ seq: 10, read_seq: 10 })]);
  state = roomEventApplied(state, 'stream', posted(11, 'ben', { mentions: ['anna'] }), READER);
  assert.equal(state.rooms.room.mentioned, true);
  assert.equal(readTo(state, 'stream', 11).rooms.room.mentioned, false);
});

test('names, archiving, members and presence follow their events', () => {
  let state = roomsListed([line()]);
  const apply = (kind, fields) => {
    const event = { seq: state.rooms.room.seq + 1, kind, actor_id: 'ben', at: '2026-01-01T00:00:00Z', ...fields };
    state = roomEventApplied(state, 'stream', event, READER);
  };
  apply('room_renamed', { name: 'Annual accounts' });
  apply('room_archived', {});
  apply('member_joined', { member: {} });
  assert.equal(state.rooms.room.name, 'Annual accounts');
  assert.ok(state.rooms.room.archived_at);
  assert.equal(state.rooms.room.member_count, 4);
  apply('room_reopened', {});
  apply('member_left', { account_id: 'cleo' });
  assert.equal(state.rooms.room.archived_at, null);
  assert.equal(state.rooms.room.member_count, 3);
  state = presenceChanged(state, { stream: 'stream', online: ['ben', 'cleo'], offline: [] });
  state = presenceChanged(state, { stream: 'stream', online: [], offline: ['ben'] });
  assert.deepEqual(state.rooms.room.online, ['cleo']);
});

test('a room that was left is gone, a room that was entered is to be fetched', () => {
  let state = roomsListed([line()]);
  state = accountEventApplied(state, { seq: 1, kind: 'room_exited', room_id: 'room' });
  assert.deepEqual(state.rooms, {});
  assert.equal(accountEventApplied(state, { seq: 2, kind: 'room_entered', room_id: 'other' }).stale, true);
});

test('the room with the newest line is on top, archived ones are last', () => {
  const at = (sent_at) => ({ last_message: { author_id: 'a', text: '', sent_at, deleted: false } });
  const state = roomsListed([
    line({ room_id: '1', name: 'old', ...at('2026-01-01') }),
    line({ room_id: '2', name: 'archived', archived_at: '2026-01-05', ...at('2026-01-04') }),
    line({ room_id: '3', name: 'new', ...at('2026-01-03') }),
  ]);
  assert.deepEqual(inOrder(state).map(({ name }) => name), ['new', 'old', 'archived']);
});

test('a message that was read elsewhere before it was heard of here is not unread', () => {
  let state = roomsListed([line({ seq: 10, read_seq: 10 })]);
  state = readTo(state, 'stream', 11);
  state = roomEventApplied(state, 'stream', posted(11), READER);
  assert.equal(state.rooms.room.unread, 0);
});

test('from a hundred on, one message less makes the list be fetched', () => {
  let state = roomsListed([line({ seq: 10, read_seq: 10 })]);
  for (let seq = 11; seq <= 130; seq += 1) state = roomEventApplied(state, 'stream', posted(seq), READER);
  assert.equal(state.rooms.room.unread, 100);
  const deleted = { seq: 131, kind: 'message_deleted', actor_id: 'ben', at: '', message_id: 'm120', subject_seq: 120 };
  assert.equal(roomEventApplied(state, 'stream', deleted, READER).stale, true);
});
