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
