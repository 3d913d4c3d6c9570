import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowsOf } from '../../../static/messages/message-rows.js';

const message = (seq, author_id, minute, fields = {}) => ({
  message_id: `m${seq}`,
  seq,
  author_id,
  text: '',
  mentions: [],
  reply_to: null,
  sent_at: new Date(Date.UTC(2026, 0, 5, 12, minute)).toISOString(),
  revision: 1,
  reactions: [],
  ...fields,
});
const dayOf = (instant) => instant.toISOString().slice(0, 10);
const rows = (messages, options = {}) => rowsOf(messages, { dayOf, accountId: 'anna', ...options });
const groups = (messages) => rows(messages).filter((row) => row.type === 'message').map((row) => row.opensGroup);

test('messages of one author within five minutes are one group', () => {
  assert.deepEqual(groups([message(1, 'ben', 0), message(2, 'ben', 4), message(3, 'ben', 9)]), [true, false, true]);
});

test('another author or a reply opens a group', () => {
  const messages = [message(1, 'ben', 0), message(2, 'cleo', 1), message(3, 'cleo', 2, { reply_to: 'm1' })];
  assert.deepEqual(groups(messages), [true, true, true]);
});

test('each day begins with its line and a new group', () => {
  const late = message(2, 'ben', 0, { sent_at: '2026-01-06T00:01:00Z' });
  const drawn = rows([message(1, 'ben', 719), late]);
  assert.deepEqual(drawn.map((row) => row.type), ['day', 'message', 'day', 'message']);
});

test('the divider stands above the first new message of somebody else, once', () => {
  const messages = [message(1, 'ben', 0), message(2, 'anna', 1), message(3, 'ben', 2), message(4, 'ben', 3)];
  const drawn = rows(messages, { newAfterSeq: 1 });
  assert.deepEqual(drawn.map((row) => row.type), ['day', 'message', 'message', 'new', 'message', 'message']);
});

test('without a number nothing is new', () => {
  assert.ok(!rows([message(1, 'ben', 0)]).some((row) => row.type === 'new'));
});

test('what waits in the outbox comes last, under the key it keeps when it is acknowledged', () => {
  const entry = { client_command_id: 'c1', order: Date.UTC(2026, 0, 5, 12, 10), fields: { text: 'Hello' }, state: 'pending' };
  const before = rows([message(1, 'ben', 0)], { entries: [entry] });
  const after = rows([message(1, 'ben', 0), message(2, 'anna', 10, { client_command_id: 'c1' })]);
  assert.equal(before.at(-1).key, after.at(-1).key);
  assert.equal(before.at(-1).entry, entry);
  assert.equal(before.at(-1).message.text, 'Hello');
});
