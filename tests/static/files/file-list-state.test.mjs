import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventApplied, joined } from '../../../static/files/file-list-state.js';
import { ModelRoom, seeded } from '../model-room.mjs';

const ANY = { kind: '', name: '' };

/** What the service would answer. */
function listed(room, { name } = ANY) {
  return room.messages
    .flatMap(({ message_id, seq, author_id, sent_at, files }) =>
      files.map((file, position) => ({ ...structuredClone(file), message_id, seq, position, author_id, sent_at })),
    )
    .filter((file) => file.name.includes(name))
    .sort((one, other) => other.seq - one.seq || other.position - one.position);
}

test('the list as it was and the events received are the list fetched afresh, whatever is looked for', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const room = new ModelRoom(seeded(seed), seed % 3 ? [] : ['expire', 'expire one']);
    for (let step = 0; step < 20; step += 1) room.step();
    const filter = { kind: '', name: seed % 2 ? '' : 'pdf' };
    let files = listed(room, filter);
    const from = room.seq;
    for (let step = 0; step < 30; step += 1) room.step();
    for (const event of structuredClone(room.events.slice(from))) files = eventApplied(files, event, filter);
    assert.deepEqual(files, listed(room, filter), `seed ${seed}`);
  }
});

test('only what fits what is looked for comes in', () => {
  const file = { file_id: 'f', name: 'Invoice 3.PDF', kind: 'document' };
  const event = { seq: 4, kind: 'message_posted', actor_id: 'ben', at: 'now', message_id: 'm', files: [file] };
  assert.equal(eventApplied([], event, { kind: 'document', name: 'invoice' }).length, 1);
  assert.equal(eventApplied([], event, { kind: 'picture', name: '' }).length, 0);
  assert.equal(eventApplied([], event, { kind: '', name: 'receipt' }).length, 0);
});

test('an event that changes nothing leaves the very same list', () => {
  const files = [{ file_id: 'f', message_id: 'm', seq: 1, position: 0, name: 'a', kind: 'other' }];
  assert.equal(eventApplied(files, { seq: 2, kind: 'reaction_added', message_id: 'm' }, ANY), files);
  assert.equal(eventApplied(files, { seq: 2, kind: 'message_deleted', message_id: 'other' }, ANY), files);
});

test('a file whose own time has come goes alone', () => {
  const files = [1, 0].map((position) => ({ file_id: `f${position}`, message_id: 'm', seq: 1, position, name: 'a', kind: 'other' }));
  assert.deepEqual(eventApplied(files, { seq: 2, kind: 'file_expired', subject_seq: 1, file_id: 'f1' }, ANY), [files[1]]);
});

test('two pages that overlap are one list', () => {
  const file = (seq, position) => ({ file_id: `${seq}-${position}`, seq, position });
  const all = joined([file(3, 1), file(3, 0)], [file(3, 0), file(2, 0)]);
  assert.deepEqual(all.map(({ file_id }) => file_id), ['3-1', '3-0', '2-0']);
});
