import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchingPeople, mentionBefore, mentionedIn } from '../../../static/messages/mentions.js';

const PEOPLE = ['Anna Berg', 'Ben Anders', 'Cleo'].map((display_name, index) => ({ account_id: `${index}`, display_name, kind: 'staff' }));

test('a mention begins with @ at the beginning of a word', () => {
  assert.deepEqual(mentionBefore('Hello @An', 9), { from: 6, query: 'An' });
  assert.deepEqual(mentionBefore('@', 1), { from: 0, query: '' });
  assert.equal(mentionBefore('mail@example', 12), null);
  assert.equal(mentionBefore('Hello @An', 5), null);
  assert.equal(mentionBefore('@ Anna', 6), null);
});

test('those whose name begins with it come first, then those with a word that does', () => {
  assert.deepEqual(matchingPeople(PEOPLE, 'an').map((one) => one.display_name), ['Anna Berg', 'Ben Anders']);
  assert.deepEqual(matchingPeople(PEOPLE, 'zz'), []);
});

test('a text mentions whom it names in full', () => {
  assert.deepEqual(mentionedIn('Dear @Anna Berg and @Ben', PEOPLE), ['0']);
});

test('a name that begins another is mentioned only where it stands alone', () => {
  const people = ['Ann', 'Anna Berg', 'Anna'].map((display_name, index) => ({ account_id: `${index}`, display_name, kind: 'staff' }));
  assert.deepEqual(mentionedIn('@Anna Berg', people), ['1']);
  assert.deepEqual(mentionedIn('@Anna, @Annabel', people), ['2']);
  assert.deepEqual(mentionedIn('(@Ann) @Anna Berg', people), ['0', '1']);
  assert.deepEqual(mentionedIn('@Ann', []), []);
});
