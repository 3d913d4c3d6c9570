import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation } from '../../../static/messages/conversation.js';
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

test('a new edit takes the place of one that was refused', () => {
  const refused = { client_command_id: 'c2', command: 'edit_message', state: 'failed', fields: { message_id: 'm', text: 'old' } };
  const done = [];
  const outbox = {
    of: () => [ENTRY, refused],
    discard: (id) => done.push(`discard ${id}`),
    put: (command, stream, { text }) => done.push(`${command} ${text}`),
  };
  const conversation = new Conversation({ stream: 's', accountId: 'a', isInternal: false, send: () => {}, outbox });
  assert.deepEqual(conversation.changes, [refused]);
  conversation.edit({ message_id: 'm' }, 'new', []);
  assert.deepEqual(done, ['discard c2', 'edit_message new']);
});
