import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spokenOf, summaryOf } from '../../../static/messages/message-summary.js';

const named = (...names) => names.map((name) => ({ name }));

test('a message without words is known by what it brings', () => {
  assert.equal(summaryOf({ text: '', files: named('scan.pdf') }), 'scan.pdf');
  assert.equal(summaryOf({ text: '', files: named('a', 'b') }), '2 files');
  assert.equal(summaryOf({ text: 'Here', files: named('a') }), 'Here');
  assert.equal(summaryOf({ text: '', deleted_at: 'now', files: [] }), 'This message was deleted.');
});

test('read out, a message names its files', () => {
  assert.equal(spokenOf({ text: 'Here', files: named('a.png', 'b.pdf') }), 'Here; 2 files: a.png, b.pdf');
  assert.equal(spokenOf({ text: 'Here', files: [] }), 'Here');
});
