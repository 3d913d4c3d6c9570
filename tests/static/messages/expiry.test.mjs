import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventApplied, eventsApplied, extendedWithPage, openedWithPage, trimmed } from '../../../static/messages/conversation-state.js';
import { ModelRoom, seeded } from '../model-room.mjs';

const ROUNDS = 300;

/** A room where the time of messages comes, of all up to one, and of single ones. */
function roomWith(random, steps) {
  const room = new ModelRoom(random, ['expire', 'expire one']);
  for (let step = 0; step < steps; step += 1) room.step();
  return room;
}

const texts = (state) => state.messages.map(({ seq, text, deleted_at }) => [seq, text, Boolean(deleted_at)]);
const quotedBy = (state) =>
  state.messages.filter(({ reply_to }) => state.quoted[reply_to ?? '']).map(({ seq, reply_to }) => [seq, state.quoted[reply_to].text]);

test('old state and the events received equal the state fetched afresh, when messages expire', () => {
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    const room = roomWith(seeded(seed), 30);
    const old = openedWithPage(room.page({ limit: 1_000 }));
    for (let step = 0; step < 40; step += 1) room.step();
    const moved = eventsApplied(old, room.events.slice(old.seq));
    assert.deepEqual(texts(moved), texts(openedWithPage(room.page({ limit: 1_000 }))), `seed ${seed}`);
  }
});

test('a page that was asked for before messages expired and came after it brings none of them back', () => {
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    const room = roomWith(seeded(seed), 60);
    const state = openedWithPage(room.page({ limit: 10 }));
    if (state.messages.length === 0) continue;
    const page = room.page({ before: state.messages[0].seq, limit: 1_000 });
    for (let step = 0; step < 20; step += 1) room.step();
    const meanwhile = room.events.slice(state.seq);
    const moved = extendedWithPage(eventsApplied(state, meanwhile), 'before', page, meanwhile);
    assert.deepEqual(texts(moved), texts(openedWithPage(room.page({ limit: 1_000 }))), `seed ${seed}`);
  }
});

test('scrolling down while messages expire leaves no hole and nothing twice', () => {
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    const room = roomWith(seeded(seed), 80);
    let state = trimmed(openedWithPage(room.page({ limit: 1_000 })), 'after', 10);
    if (!state.moreAfter) continue;
    const page = room.page({ after: state.messages.at(-1).seq, limit: 1_000 });
    const applied = state.seq;
    for (let step = 0; step < 5; step += 1) room.step();
    const meanwhile = room.events.slice(applied);
    state = extendedWithPage(eventsApplied(state, meanwhile), 'after', page, meanwhile);
    assert.deepEqual(texts(state), texts(openedWithPage(room.page({ limit: 1_000 }))), `seed ${seed}`);
  }
});

test('what expired is not quoted any more either', () => {
  const room = new ModelRoom(() => 0);
  room.post('ben');
  const quoted = structuredClone(room.messages[0]);
  const state = openedWithPage({
    messages: [{ ...structuredClone(quoted), message_id: 'm9', seq: 9, reply_to: 'm1' }],
    quoted: [quoted],
    more_before: true,
    more_after: false,
    seq: 9,
  });
  assert.deepEqual(quotedBy(state), [[9, quoted.text]]);
  const event = { seq: 10, kind: 'messages_expired', actor_id: '', at: '', first_seq: 1, last_seq: 1 };
  assert.deepEqual(quotedBy(eventApplied(state, event)), []);
});

test('since when messages are removed is known, and only ever moves on', () => {
  const room = new ModelRoom(seeded(2));
  for (let count = 0; count < 5; count += 1) room.post();
  let state = openedWithPage(room.page());
  const first = room.expire(2);
  state = eventApplied(state, first);
  assert.deepEqual(state.expiry, { before: first.expired_before, throughSeq: 2 });
  const alone = eventApplied(state, room.expire(4, 4));
  assert.deepEqual(alone.expiry, state.expiry, 'one that went alone says nothing of the others');
  const older = { ...first, seq: 99, expired_before: '2001-01-01T00:00:00Z' };
  assert.deepEqual(eventApplied(alone, older).expiry, state.expiry);
});

test('what was shown again by a page read later is not removed by the event before it', () => {
  const room = new ModelRoom(seeded(2));
  room.post();
  const standing = structuredClone(room.messages);
  const gone = room.expire(1);
  room.record('messages_restored', 'nobody', { first_seq: 1, last_seq: 1 });
  room.messages = standing;
  const state = openedWithPage(room.page());
  assert.equal(eventApplied(state, gone).messages.length, 1);
});

test('an expired file leaves its message, and no other', () => {
  const message = { message_id: 'm1', seq: 1, author_id: 'ben', sent_at: '', files: [{ file_id: 'f1' }, { file_id: 'f2' }] };
  const other = { ...message, message_id: 'm2', seq: 2 };
  const page = { messages: [message, other], quoted: [], more_before: false, more_after: false, seq: 2 };
  const event = { seq: 3, kind: 'file_expired', actor_id: '', at: '', subject_seq: 1, file_id: 'f1' };
  const state = eventApplied(openedWithPage(page), event);
  assert.deepEqual(
    state.messages.map(({ files }) => files),
    [[{ file_id: 'f2' }], [{ file_id: 'f1' }, { file_id: 'f2' }]],
  );
  assert.equal(state.seq, 3);
});
