import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RoomFiles } from '../../../static/files/room-files.js';
import { deferred } from '../fakes.mjs';

const file = (seq, name = `${seq}.pdf`) => ({ file_id: `f${seq}`, seq, position: 0, message_id: `m${seq}`, name, kind: 'document' });
const posted = (seq) => ({ seq, kind: 'message_posted', actor_id: 'ben', at: 'now', message_id: `m${seq}`, files: [file(seq)] });

function looked(...answers) {
  const asked = [];
  const files = new RoomFiles('stream', async (_, fields) => {
    asked.push(fields);
    return answers.shift();
  }, () => {});
  return { files, asked };
}

test('the next page begins after the last file that is there', async () => {
  const { files, asked } = looked({ files: [file(9), file(8)], people: [], more: true }, { files: [file(2)], people: [], more: false });
  await files.load();
  assert.equal(files.hasMore, true);
  await files.loadMore();
  assert.deepEqual(asked[1].before, { seq: 8, position: 0 });
  assert.deepEqual(files.files.map(({ seq }) => seq), [9, 8, 2]);
  assert.equal(files.hasMore, false);
});

test('what happened while a page was on its way is in it', async () => {
  const answer = deferred();
  const { files } = looked(answer.promise);
  const loading = files.load();
  files.receive([posted(5), { seq: 6, kind: 'message_deleted', actor_id: 'ben', at: 'now', message_id: 'm3' }]);
  answer.resolve({ files: [file(4), file(3)], people: [], more: false });
  await loading;
  assert.deepEqual(files.files.map(({ seq }) => seq), [5, 4]);
});

test('an answer to what was looked for before does not count', async () => {
  const slow = deferred();
  const { files, asked } = looked(slow.promise, { files: [file(7)], people: [], more: false });
  const first = files.load();
  await files.search({ kind: 'document', name: 'seven' });
  slow.resolve({ files: [file(1)], people: [], more: true });
  await first;
  assert.deepEqual(asked[1], { stream: 'stream', limit: 8, kind: 'document', name: 'seven' });
  assert.deepEqual(files.files.map(({ seq }) => seq), [7]);
  assert.equal(files.hasMore, false);
});

test('what is shown again is fetched', async () => {
  const { files } = looked({ files: [], people: [], more: false }, { files: [file(3)], people: [], more: false });
  await files.load();
  const shown = new Promise((resolve) => files.addEventListener('change', resolve, { once: true }));
  files.receive([{ seq: 8, kind: 'messages_restored', first_seq: 1, last_seq: 3 }]);
  await shown;
  assert.deepEqual(files.files.map(({ seq }) => seq), [3]);
});
