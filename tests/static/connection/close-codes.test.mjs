import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSE_CODES, SIGN_IN_CODES, closeRule } from '../../../static/connection/close-codes.js';
import { words } from '../../../static/words/english.js';

test('whoever is sent away for good is told why', () => {
  const final = Object.entries(CLOSE_CODES).filter(([, { reconnect }]) => reconnect === 'no');
  assert.ok(final.length > 5, 'nothing to look at: this proves nothing');
  for (const [code, { name }] of final) {
    const said = SIGN_IN_CODES.includes(Number(code)) ? words.signIn.ended : words.errors;
    assert.ok(name in said, `there are no words for ${name}`);
  }
});

test('a code nobody knows is a lost line', () => {
  assert.deepEqual(closeRule(1006), { name: 'line_lost', reconnect: 'yes' });
});
