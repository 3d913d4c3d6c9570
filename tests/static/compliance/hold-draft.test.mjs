import assert from 'node:assert/strict';
import { test } from 'node:test';

import { draftFor, forgetDraft, HoldDraft } from '../../../static/compliance/hold-draft.js';

const HOLD = {
  scope: {
    rooms: ['r1'],
    custodians: [{ account_id: 'a1', covers: 'sent' }],
    sent_from: '2026-01-01T00:00:00Z',
    sent_until: null,
    kinds: ['messages'],
  },
};

test('a new draft covers both kinds at any time, and nothing yet', () => {
  const draft = new HoldDraft(null);
  assert.ok(draft.isEmpty);
  assert.deepEqual(draft.whole, { rooms: [], custodians: [], sent_from: null, sent_until: null, kinds: ['messages', 'files'] });
});

test('what is sent is what was added, what is counted is all of it', () => {
  const draft = new HoldDraft(HOLD);
  draft.rooms.set('r2', 'Second');
  draft.people.set('a2', { name: 'Mara', covers: 'memberships' });
  draft.kinds.add('files');
  assert.deepEqual(draft.added, {
    rooms: ['r2'],
    custodians: [{ account_id: 'a2', covers: 'memberships' }],
    sent_from: '2026-01-01T00:00:00Z',
    sent_until: null,
    kinds: ['messages', 'files'],
  });
  assert.deepEqual(draft.whole.rooms, ['r1', 'r2']);
  assert.deepEqual(draft.whole.custodians, [
    { account_id: 'a1', covers: 'sent' },
    { account_id: 'a2', covers: 'memberships' },
  ]);
});

test('a span that ends before it begins is known as such', () => {
  const draft = new HoldDraft(null);
  draft.from = '2026-05-02';
  draft.until = '2026-05-02';
  assert.ok(draft.isBackwards);
  draft.until = '2026-05-03';
  assert.ok(!draft.isBackwards);
});

test('a draft is there when the officer comes back, until it is placed', () => {
  const draft = draftFor('m1', null);
  draft.rooms.set('r1', 'First');
  assert.equal(draftFor('m1', null), draft);
  forgetDraft('m1');
  assert.ok(draftFor('m1', null).isEmpty);
});

test('a hold that was widened meanwhile begins a new draft', () => {
  const draft = draftFor('h1', HOLD);
  assert.equal(draftFor('h1', HOLD), draft);
  const wider = { scope: { ...HOLD.scope, rooms: ['r1', 'r9'] } };
  assert.notEqual(draftFor('h1', wider), draft);
});
