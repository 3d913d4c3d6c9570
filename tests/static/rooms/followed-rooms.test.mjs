import assert from 'node:assert/strict';
import { test } from 'node:test';
import { streamsToFollow } from '../../../static/rooms/followed-rooms.js';

const line = (id, staff) => ({ room_id: id, stream: `${id} shared`, seq: 3, ...(staff && { staff_stream: `${id} staff`, staff_seq: 2 }) });
const nothingOpen = () => false;

test('all rooms are listened to where they fit', () => {
  const { positions, isComplete } = streamsToFollow([line('a', true), line('b')], nothingOpen, 3);
  assert.deepEqual(positions, [
    { stream: 'a shared', seq: 3 },
    { stream: 'a staff', seq: 2 },
    { stream: 'b shared', seq: 3 },
  ]);
  assert.equal(isComplete, true);
});

test('where they do not fit, open rooms come first, and no room is listened to by half', () => {
  const lines = [line('a', true), line('b', true), line('c', true)];
  const { positions, isComplete } = streamsToFollow(lines, (id) => id === 'c', 5);
  assert.deepEqual(positions.map(({ stream }) => stream), ['c shared', 'c staff', 'a shared', 'a staff']);
  assert.equal(isComplete, false);
});
