import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dividerMoved, readMarkerMoved, readMarkersOf, readersByMessage } from '../../../static/messages/read-markers.js';

const MESSAGES = [1, 4, 6].map((seq) => ({ message_id: `m${seq}`, seq, author_id: 'anna' }));

test('markers only move up', () => {
  const markers = readMarkersOf([{ account_id: 'ben', seq: 4 }]);
  assert.equal(readMarkerMoved(markers, 'ben', 3), markers);
  assert.deepEqual(readMarkerMoved(markers, 'ben', 6), { ben: 6 });
});

test('each reader stands at the last message they have read', () => {
  const standing = readersByMessage({ ben: 5, cleo: 6, dora: 0 }, MESSAGES, ['ben', 'cleo', 'dora']);
  assert.deepEqual([...standing], [['m4', ['ben']], ['m6', ['cleo']]]);
});

test('nobody is said to have read their own words', () => {
  assert.deepEqual([...readersByMessage({ anna: 6 }, MESSAGES, ['anna'])], []);
});

test('the divider stands above what came while nobody watched', () => {
  assert.equal(dividerMoved(null, { isWatching: false, readSeq: 4, lastMessageSeq: 6 }), 4);
  assert.equal(dividerMoved(null, { isWatching: true, readSeq: 4, lastMessageSeq: 6 }), null);
});

test('the divider moves on once what it stood above was read, and stays until then', () => {
  assert.equal(dividerMoved(4, { isWatching: false, readSeq: 4, lastMessageSeq: 7 }), 4);
  assert.equal(dividerMoved(4, { isWatching: false, readSeq: 6, lastMessageSeq: 6 }), 4);
  assert.equal(dividerMoved(4, { isWatching: true, readSeq: 6, lastMessageSeq: 7 }), 4);
  assert.equal(dividerMoved(4, { isWatching: false, readSeq: 6, lastMessageSeq: 7 }), 6);
});
