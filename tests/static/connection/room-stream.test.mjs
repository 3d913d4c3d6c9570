import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandError } from '../../../static/connection/command-error.js';
import { RoomStream } from '../../../static/connection/room-stream.js';
import { FakeTimers, deferred, settled } from '../fakes.mjs';

const numbered = (...seqs) => seqs.map((seq) => ({ seq, kind: 'message_posted', actor_id: 'a', at: '' }));
const range = (from, to) => numbered(...Array.from({ length: to - from + 1 }, (_, index) => from + index));

function follow(seq, readSince = async () => assert.fail('nothing had to be read')) {
  const heard = { seqs: [], resets: 0, ended: 0, reads: [] };
  const timers = new FakeTimers();
  const stream = new RoomStream(
    'stream',
    seq,
    (id, from) => {
      heard.reads.push(from);
      return readSince(id, from);
    },
    {
      onEvents: (events) => heard.seqs.push(...events.map((event) => event.seq)),
      onReset: () => (heard.resets += 1),
      onEnded: () => (heard.ended += 1),
    },
    timers,
  );
  return { stream, heard, timers };
}

/** A server that has events up to `last`, in pages of `size`. */
function served(last, size = 1_000) {
  return async (_, from) => {
    const to = Math.min(last, from + size);
    return { events: range(from + 1, to), seq: to, more: to < last };
  };
}

test('events in order are applied as they come', () => {
  const { stream, heard } = follow(4);
  stream.receive(numbered(5, 6));
  stream.receive(numbered(7));
  assert.deepEqual(heard.seqs, [5, 6, 7]);
  assert.equal(stream.seq, 7);
});

test('what was applied already is dropped, also in part of a frame', () => {
  const { stream, heard } = follow(4);
  stream.receive(numbered(5, 6));
  stream.receive(numbered(5, 6));
  stream.receive(numbered(6, 7));
  assert.deepEqual(heard.seqs, [5, 6, 7]);
});

test('a gap is read, and what came early is applied after it', async () => {
  const { stream, heard } = follow(4, served(8));
  stream.receive(numbered(8));
  stream.receive(numbered(9, 10));
  await settled();
  assert.deepEqual(heard.seqs, [5, 6, 7, 8, 9, 10]);
  assert.deepEqual(heard.reads, [4]);
});

test('after a reconnection what was missed is read in pages, and what comes meanwhile waits for it', async () => {
  const { stream, heard } = follow(2, served(10, 3));
  stream.resume(10);
  stream.receive(numbered(11));
  await settled();
  assert.deepEqual(heard.seqs, [3, 4, 5, 6, 7, 8, 9, 10, 11]);
  assert.deepEqual(heard.reads, [2, 5, 8]);
});

test('nothing is read where nothing was missed', () => {
  const { stream } = follow(10);
  stream.resume(10);
});

test('a line that is lost while reading leaves the position, and the next resumption goes on from there', async () => {
  let isLost = true;
  const { stream, heard } = follow(2, async (_, from) => {
    if (isLost && from > 2) throw new CommandError('connection_lost', { retry: true });
    return served(8, 3)(_, from);
  });
  stream.resume(8);
  await settled();
  assert.equal(stream.seq, 5);
  isLost = false;
  stream.resume(8);
  await settled();
  assert.deepEqual(heard.seqs, [3, 4, 5, 6, 7, 8]);
});

test('an answer that failed for a moment is asked for again', async () => {
  let fails = 1;
  const { stream, heard, timers } = follow(0, async (_, from) => {
    if (fails-- > 0) throw new CommandError('try_again', { retry: true });
    return served(2)(_, from);
  });
  stream.resume(2);
  await settled();
  assert.deepEqual(heard.seqs, []);
  await timers.pass(1_000);
  assert.deepEqual(heard.seqs, [1, 2]);
});

test('a stream that is followed without a position begins where listening begins', () => {
  const { stream, heard } = follow(null);
  stream.receive(numbered(41));
  stream.resume(40);
  assert.deepEqual(heard.seqs, [41]);
});

test('a foreign position is forgotten, events wait for the state that is fetched afresh', async () => {
  const { stream, heard } = follow(90);
  stream.reset();
  stream.resume(12);
  stream.receive(numbered(13, 14));
  assert.equal(stream.seq, null);
  assert.equal(heard.resets, 1);
  stream.restart(13);
  await settled();
  assert.deepEqual(heard.seqs, [14]);
});

test('a server that answers reset while reading makes the state be fetched afresh', async () => {
  const { stream, heard } = follow(5, async () => {
    throw new CommandError('reset');
  });
  stream.resume(9);
  await settled();
  assert.equal(heard.resets, 1);
});

test('a right that ended ends the stream, and nothing more is applied', async () => {
  const { stream, heard } = follow(5, async () => {
    throw new CommandError('not_found');
  });
  stream.resume(9);
  await settled();
  stream.receive(numbered(6));
  assert.equal(heard.ended, 1);
  assert.deepEqual(heard.seqs, []);
});

test('a flood of early events is bounded, and still nothing is missed', async () => {
  const page = deferred();
  let isFirst = true;
  const { stream, heard } = follow(0, (_, from) => {
    const answer = served(5_001)(_, from);
    if (!isFirst) return answer;
    isFirst = false;
    return page.promise.then(() => served(1)(_, from));
  });
  stream.resume(1);
  for (let seq = 2; seq <= 5_001; seq += 1) stream.receive(numbered(seq));
  page.resolve();
  for (let turn = 0; turn < 20; turn += 1) await settled();
  assert.deepEqual(heard.seqs, range(1, 5_001).map(({ seq }) => seq));
});

test('any mixture of loss, repetition and disorder ends with every event once, in order', async () => {
  let seed = 7;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  for (let round = 0; round < 200; round += 1) {
    let last = 0;
    const { stream, heard } = follow(0, async (_, from) => served(last, 1 + Math.floor(random() * 5))(_, from));
    for (let step = 0; step < 30; step += 1) {
      const from = last + 1;
      last += 1 + Math.floor(random() * 3);
      if (random() < 0.6) stream.receive(range(from, last));
      if (random() < 0.2) stream.receive(range(Math.max(1, last - 4), last));
      if (random() < 0.2) stream.resume(last);
      if (random() < 0.3) await settled();
    }
    stream.resume(last);
    for (let turn = 0; turn < 40; turn += 1) await settled();
    assert.deepEqual(heard.seqs, range(1, last).map(({ seq }) => seq));
  }
});

test('after a reset not even the first event of the new numbering is applied before the fetched state', () => {
  const { stream, heard } = follow(90);
  stream.reset();
  stream.receive(numbered(1));
  assert.deepEqual(heard.seqs, []);
  stream.restart(1);
  assert.deepEqual(heard.seqs, []);
});
