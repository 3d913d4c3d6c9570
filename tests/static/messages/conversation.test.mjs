import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findMessage } from '../../../static/messages/conversation-state.js';
import { Conversation } from '../../../static/messages/conversation.js';
import { textToEdit } from '../../../static/messages/unsaved-changes.js';
import { ModelRoom, seeded } from '../model-room.mjs';

const EMPTY_OUTBOX = { of: () => [], settle: () => {} };
const ENTRY = { client_command_id: 'c1', command: 'post_message' };

function aRoom() {
  const room = new ModelRoom(seeded(7));
  for (let step = 0; step < 20; step += 1) room.step();
  return room;
}

function conversationWith(send) {
  return new Conversation({ stream: 's', accountId: 'a', isInternal: false, send, outbox: EMPTY_OUTBOX });
}

function aReply(room, { message_id }) {
  const event = room.post('cleo');
  event.reply_to = message_id;
  room.messages.at(-1).reply_to = message_id;
  return event;
}

/** Until nothing is on its way. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('what was acknowledged before the room was fetched is shown once the page is there', () => {
  const room = aRoom();
  const conversation = conversationWith(() => assert.fail('nothing is asked'));
  conversation.delivered(ENTRY, room.seq);
  assert.deepEqual(conversation.entries, [ENTRY]);
  conversation.open({ page: room.page({ limit: 50 }), read_markers: [] }, []);
  assert.deepEqual(conversation.entries, []);
});

test('what was acknowledged stays in sight until the stretch that is shown has reached it', async () => {
  const room = aRoom();
  const conversation = conversationWith(async () => room.page({ limit: 50 }));
  conversation.open({ page: room.page({ limit: 50 }), read_markers: [] }, []);
  for (let step = 0; step < 5; step += 1) room.step();
  conversation.delivered(ENTRY, room.seq);
  assert.deepEqual(conversation.entries, [ENTRY]);
  await conversation.showAround(room.seq);
  assert.deepEqual(conversation.entries, []);
});

test('what a reply quotes is found although the stretch was changed while it came', async () => {
  const room = new ModelRoom(() => 0.9);
  for (let count = 0; count < 60; count += 1) room.post('ben');
  const [first] = room.messages;
  const newest = room.page({ limit: 5 });
  const conversation = conversationWith(async (_, { around }) => (around ? room.page({ after: around - 1, limit: 1 }) : newest));
  conversation.open({ page: room.page({ after: 0, limit: 5 }), read_markers: [] }, []);
  const shown = conversation.showLatest();
  conversation.receive([aReply(room, first)]);
  await shown;
  await settled();
  assert.equal(conversation.state.messages.at(-1).reply_to, first.message_id);
  assert.equal(findMessage(conversation.state, first.message_id)?.text, first.text);
});

test('a reply outside of the stretch asks for nothing', () => {
  const room = new ModelRoom(() => 0.9);
  for (let count = 0; count < 60; count += 1) room.post('ben');
  const conversation = conversationWith(() => assert.fail('nothing is asked'));
  conversation.open({ page: room.page({ after: 30, limit: 5 }), read_markers: [] }, []);
  conversation.receive([aReply(room, room.messages[0])]);
});

/** A conversation whose outbox holds these changes, and a list of what it asks of the outbox. */
function conversationHolding(...changes) {
  const done = [];
  const outbox = {
    of: () => [ENTRY, ...changes],
    discard: (id) => done.push(`discard ${id}`),
    put: (command, stream, { text }) => done.push(`${command} ${text}`),
  };
  return { conversation: new Conversation({ stream: 's', accountId: 'a', isInternal: false, send: () => {}, outbox }), done };
}

function anEdit(id, text, state = 'failed') {
  return { client_command_id: id, command: 'edit_message', state, fields: { message_id: 'm', text } };
}

test('a new edit takes the place of one that was refused', () => {
  const { conversation, done } = conversationHolding(anEdit('c2', 'old'));
  assert.deepEqual(conversation.changes, [anEdit('c2', 'old')]);
  conversation.edit({ message_id: 'm', text: 'stands' }, 'new', []);
  assert.deepEqual(done, ['discard c2', 'edit_message new']);
});

test('what was refused and is saved as it is, is sent again', () => {
  const { conversation, done } = conversationHolding(anEdit('c2', 'refused'));
  const message = { message_id: 'm', text: 'stands' };
  conversation.edit(message, textToEdit(conversation.changes, message), []);
  assert.deepEqual(done, ['discard c2', 'edit_message refused']);
});

test('who goes back to what stands gives up what was refused, and sends nothing', () => {
  const { conversation, done } = conversationHolding(anEdit('c2', 'refused'));
  conversation.edit({ message_id: 'm', text: 'stands' }, 'stands', []);
  assert.deepEqual(done, ['discard c2']);
});

test('who goes back to what stands while an edit is on its way sends that too', () => {
  const { conversation, done } = conversationHolding(anEdit('c2', 'on its way', 'pending'));
  conversation.edit({ message_id: 'm', text: 'stands' }, 'stands', []);
  conversation.edit({ message_id: 'm', text: 'stands' }, 'on its way', []);
  assert.deepEqual(done, ['edit_message stands']);
});
