import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOnline, presenceChanged, roomEventApplied } from '../../../static/rooms/room-state.js';

const person = (account_id, fields = {}) => ({ account_id, kind: 'staff', display_name: account_id, ...fields });
const ROOM = { name: 'Room', archived_at: null, customers: [], members: [person('anna')], people: [], online: ['anna'] };
const event = (kind, fields = {}) => ({ seq: 1, kind, actor_id: 'anna', at: '2026-01-01', ...fields });

test('whoever joins is a member once, and brings the customer along', () => {
  const member = person('kim', { kind: 'customer', customer_id: 'c', customer_name: 'Kim & Co' });
  let room = roomEventApplied(ROOM, event('member_joined', { member }));
  room = roomEventApplied(room, event('member_joined', { member }));
  assert.deepEqual(room.members.map((one) => one.account_id), ['anna', 'kim']);
  assert.deepEqual(room.customers, [{ customer_id: 'c', name: 'Kim & Co' }]);
});

test('whoever leaves or is removed stays known by name, and is there no more', () => {
  for (const kind of ['member_left', 'member_removed']) {
    const room = roomEventApplied(ROOM, event(kind, { account_id: 'anna' }));
    assert.deepEqual(room.members, []);
    assert.deepEqual(room.people.map((one) => one.display_name), ['anna']);
    assert.equal(isOnline(room, 'anna'), false);
  }
});

test('a changed name reaches members and former members', () => {
  const room = roomEventApplied(
    { ...ROOM, people: [person('ben')] },
    event('member_changed', { member: person('ben', { display_name: 'Benedict' }) }),
  );
  assert.equal(room.people[0].display_name, 'Benedict');
});

test('name and archiving follow their events', () => {
  assert.equal(roomEventApplied(ROOM, event('room_renamed', { name: 'New' })).name, 'New');
  const archived = roomEventApplied(ROOM, event('room_archived'));
  assert.equal(archived.archived_at, '2026-01-01');
  assert.equal(roomEventApplied(archived, event('room_reopened')).archived_at, null);
});

test('presence comes and goes', () => {
  const room = presenceChanged(ROOM, { online: ['ben'], offline: ['anna'] });
  assert.deepEqual(room.online, ['ben']);
});
