import assert from 'node:assert/strict';
import { test } from 'node:test';

import { errorWords, learnErrorWords } from '../../../static/words/english-errors.js';

test('a field that lies in another has the words of its own name, unless the path has words', () => {
  assert.equal(errorWords.invalid_input({ field: 'change.name' }), errorWords.invalid_input({ field: 'name' }));
  learnErrorWords({ conflicts: {}, fields: { 'change.name': 'Name the class.' } });
  assert.equal(errorWords.invalid_input({ field: 'change.name' }), 'Name the class.');
});

test('a field without words, and no field, are said in general', () => {
  const general = errorWords.invalid_input({});
  assert.match(general, /Check what you entered/);
  assert.equal(errorWords.invalid_input({ field: 'change.colour' }), general);
});

test('a limit says what to do about it, and one without words how much is allowed', () => {
  assert.match(errorWords.limit_reached({ limit: 'waiting_rooms', value: 50 }), /open another when they were answered/);
  assert.match(errorWords.limit_reached({ limit: 'uploads_per_account', value: 3 }), /goes on when some of them are done/);
  assert.match(errorWords.limit_reached({ limit: 'subscriptions', value: 200 }), /200/);
});
