import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textParts } from '../../../static/messages/text-parts.js';

const links = (text) => textParts(text).filter((part) => part.type === 'link').map((part) => part.text);

test('http and https addresses become links, nothing else does', () => {
  assert.deepEqual(links('see https://example.org/a?b=c#d and http://example.org'), ['https://example.org/a?b=c#d', 'http://example.org']);
  assert.deepEqual(links('javascript:alert(1) data:text/html,x ftp://example.org file:///etc/passwd //example.org'), []);
  assert.deepEqual(links('https:// https://user@example.org'), []);
});

test('punctuation that ends the sentence is not part of the address', () => {
  assert.deepEqual(links('Look (https://example.org/a), then https://example.org/b.'), ['https://example.org/a', 'https://example.org/b']);
  assert.deepEqual(links('https://example.org/wiki/Room_(chat)'), ['https://example.org/wiki/Room_(chat)']);
});

test('nothing of the text is lost or changed', () => {
  const names = ['Anna', 'Anna Berg'];
  for (const text of ['', '<b>&amp;</b>', 'a https://x.org. b', '@Anna Berg and @Anna\n@', 'שלום https://x.org/ש', '@']) {
    assert.equal(textParts(text, names).map((part) => part.text).join(''), text);
  }
});

test('a mention is the longest name that fits', () => {
  const parts = textParts('Hello @Anna Berg!', ['Anna', 'Anna Berg']);
  assert.deepEqual(parts[1], { type: 'mention', text: '@Anna Berg' });
});

test('a mention is no part of a longer word', () => {
  assert.deepEqual(textParts('@Annabel', ['Ann', 'Anna']), [{ type: 'text', text: '@Annabel' }]);
});

test('no text takes long to be cut', () => {
  const began = performance.now();
  textParts(`http://${'.'.repeat(19_900)}x`);
  textParts(`https://example.org/${')'.repeat(19_900)}x https://example.org/${'(.'.repeat(9_000)}`);
  assert.ok(performance.now() - began < 100);
});
