import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  EMPTY_CONVERSATION,
  eventApplied,
  eventsApplied,
  extendedWithPage,
  findMessage,
  openedWithPage,
  quotedLearned,
  trimmed,
} from '../../../static/messages/conversation-state.js';
import { ModelRoom, seeded } from '../model-room.mjs';

const ROUNDS = 300;

/** What is shown, without how it came to be known. */
function shown(state) {
  const bare = ({ as_of, client_command_id, reactions, ...message }) => ({
    ...message,
    reactions: reactions
      .map(({ emoji, account_ids }) => ({ emoji, account_ids: [...account_ids].sort() }))
      .sort((one, other) => one.emoji.localeCompare(other.emoji)),
  });
  return state.messages.map(bare);
}

function roomWith(random, steps) {
  const room = new ModelRoom(random);
  for (let step = 0; step < steps; step += 1) room.step();
  return room;
}

test('old state and the events received equal the state fetched afresh', () => {
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    const room = roomWith(seeded(seed), 20);
    const old = openedWithPage(room.page({ limit: 1_000 }));
    for (let step = 0; step < 40; step += 1) room.step();
    const moved = eventsApplied(old, room.events.slice(old.seq));
    assert.deepEqual(shown(moved), shown(openedWithPage(room.page({ limit: 1_000 }))), `seed ${seed}`);
    assert.equal(moved.seq, room.seq);
  }
});

test('events read later, with what the message says by then, end in the same state', () => {
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    const room = roomWith(seeded(seed), 20);
    const old = openedWithPage(room.page({ limit: 1_000 }));
    for (let step = 0; step < 40; step += 1) room.step();
    const later = room.events.slice(old.seq).map((event) => asItStandsToday(room, event));
    assert.deepEqual(shown(eventsApplied(old, later)), shown(openedWithPage(room.page({ limit: 1_000 }))), `seed ${seed}`);
  }
});

function asItStandsToday(room, event) {
  if (event.kind === 'file_changed') return fileAsItStandsToday(room, event);
  if (event.kind !== 'message_posted' && event.kind !== 'message_edited') return event;
  const message = structuredClone(room.messages.find((one) => one.message_id === event.message_id));
  const { text, mentions, revision, edited_at, deleted_at, deleted_by, reactions, files } = message;
  const today = { ...event, text, mentions, revision, edited_at, deleted_at, deleted_by };
  return event.kind === 'message_posted' ? { ...today, reactions, files } : today;
}

function fileAsItStandsToday(room, event) {
  const { files } = structuredClone(room.messages.find((one) => one.message_id === event.message_id));
  return { ...event, file: files.find((file) => file.file_id === event.file.file_id) };
}

test('a page that was asked for before some events and came after them is brought up to date', () => {
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    const random = seeded(seed);
    const room = roomWith(random, 60);
    const state = openedWithPage(room.page({ limit: 10 }));
    const page = room.page({ before: state.messages[0].seq, limit: 1_000 });
    for (let step = 0; step < 20; step += 1) room.step();
    const meanwhile = room.events.slice(state.seq);
    const moved = extendedWithPage(eventsApplied(state, meanwhile), 'before', page, meanwhile);
    assert.deepEqual(shown(moved), shown(openedWithPage(room.page({ limit: 1_000 }))), `seed ${seed}`);
  }
});

test('a page that is ahead of the events is not set back by them', () => {
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    const room = roomWith(seeded(seed), 60);
    const state = openedWithPage(room.page({ limit: 10 }));
    for (let step = 0; step < 20; step += 1) room.step();
    const page = room.page({ before: state.messages[0].seq, limit: 1_000 });
    const moved = eventsApplied(extendedWithPage(state, 'before', page), room.events.slice(state.seq));
    assert.deepEqual(shown(moved), shown(openedWithPage(room.page({ limit: 1_000 }))), `seed ${seed}`);
  }
});

test('scrolling down to the newest page while people write leaves no hole and nothing twice', () => {
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    const room = roomWith(seeded(seed), 80);
    const whole = openedWithPage(room.page({ limit: 1_000 }));
    let state = trimmed(whole, 'after', 10);
    if (!state.moreAfter) continue;
    let applied = state.seq;
    for (let turn = 0; turn < 50 && state.moreAfter; turn += 1) {
      const page = room.page({ after: state.messages.at(-1).seq, limit: 20 });
      if (turn < 5) room.step();
      const meanwhile = room.events.slice(applied);
      applied = room.seq;
      state = extendedWithPage(eventsApplied(state, meanwhile), 'after', page, meanwhile);
    }
    assert.deepEqual(shown(state), shown(openedWithPage(room.page({ limit: 1_000 }))), `seed ${seed}`);
  }
});

test('an event that is told twice changes nothing', () => {
  const room = roomWith(seeded(3), 30);
  const state = eventsApplied(openedWithPage({ messages: [], quoted: [], more_before: false, more_after: false, seq: 0 }), room.events);
  const posts = room.events.filter((event) => event.kind === 'message_posted');
  assert.deepEqual(eventsApplied(state, posts), state);
});

test('a lower revision never overwrites a higher one', () => {
  const room = new ModelRoom(seeded(1));
  room.post();
  room.edit(room.messages[0]);
  const state = openedWithPage(room.page());
  const stale = { seq: 9, kind: 'message_edited', actor_id: 'ben', at: '', message_id: 'm1', text: 'old', revision: 1 };
  assert.equal(eventApplied(state, stale).messages[0].text, room.messages[0].text);
});

test('a message that was taken back stays so, whatever comes after', () => {
  const room = new ModelRoom(seeded(1));
  room.post();
  const message = room.messages[0];
  room.delete(message);
  const late = [
    { seq: 8, kind: 'message_edited', actor_id: 'ben', at: '', message_id: 'm1', text: 'late', revision: 9 },
    { seq: 9, kind: 'reaction_added', actor_id: 'ben', at: '', message_id: 'm1', emoji: '👍', account_id: 'ben' },
  ];
  const state = eventsApplied(openedWithPage(room.page()), late);
  assert.equal(state.messages[0].text, '');
  assert.deepEqual(state.messages[0].reactions, []);
  assert.ok(state.messages[0].deleted_at);
});

test('an event without content moves the position and nothing else', () => {
  const room = roomWith(seeded(5), 10);
  const state = openedWithPage(room.page());
  const event = { seq: room.seq + 1, kind: 'message_edited', actor_id: 'ben', at: '', subject_seq: 1, withheld: true };
  assert.deepEqual(eventApplied(state, event), { ...state, seq: room.seq + 1 });
});

test('what quotes an edited message shows what it says now', () => {
  const room = new ModelRoom(() => 0);
  room.post('ben');
  const quoted = structuredClone(room.messages[0]);
  const page = { messages: [], quoted: [quoted], more_before: true, more_after: false, seq: 1 };
  const state = eventApplied(openedWithPage(page), room.edit(room.messages[0]));
  assert.equal(findMessage(state, quoted.message_id).text, room.messages[0].text);
});

test('a quotation that is fetched says what came since it was asked for', () => {
  const room = new ModelRoom(() => 0);
  room.post('ben');
  const page = { messages: [], quoted: structuredClone(room.messages), more_before: false, more_after: false, seq: room.seq };
  const edited = room.edit(room.messages[0]);
  const state = quotedLearned(EMPTY_CONVERSATION, page, [edited]);
  assert.equal(findMessage(state, room.messages[0].message_id).text, room.messages[0].text);
});

test('what is quoted stays known where it is cut off', () => {
  const room = new ModelRoom(() => 0.9);
  for (let count = 0; count < 30; count += 1) room.post();
  room.messages.at(-1).reply_to = room.messages[0].message_id;
  const state = trimmed(openedWithPage({ ...room.page({ limit: 30 }), quoted: [] }), 'before', 10);
  assert.equal(findMessage(state, room.messages[0].message_id)?.text, room.messages[0].text);
  assert.equal(findMessage(state, room.messages[1].message_id), undefined);
});

test('cutting an end says that there is more on that side', () => {
  const room = new ModelRoom(seeded(2));
  for (let count = 0; count < 30; count += 1) room.post();
  const state = openedWithPage(room.page({ limit: 30 }));
  assert.equal(trimmed(state, 'before', 10).moreBefore, true);
  assert.equal(trimmed(state, 'after', 10).moreAfter, true);
  assert.equal(trimmed(state, 'after', 10).messages.length, 10);
  assert.equal(trimmed(state, 'after', 30), state);
});

test('a post is not drawn below a stretch that does not reach the end, but is known of', () => {
  const room = new ModelRoom(seeded(2));
  for (let count = 0; count < 30; count += 1) room.post();
  const state = trimmed(openedWithPage(room.page({ limit: 30 })), 'after', 10);
  const moved = eventApplied(state, room.post());
  assert.equal(moved.messages.length, 10);
  assert.equal(moved.lastMessageSeq, room.seq);
});

test('a page that is ahead is not set back for a moment either', () => {
  const room = new ModelRoom(() => 0);
  room.post('ben');
  const message = room.messages[0];
  room.react(message, true);
  room.react(message, false);
  const state = openedWithPage(room.page());
  assert.deepEqual(eventApplied(state, room.events[1]).messages[0].reactions, []);
});
