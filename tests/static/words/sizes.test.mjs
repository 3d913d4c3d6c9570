import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileSize, partOfSize, shortSpan } from '../../../static/words/sizes.js';

test('a size is said as people say it', () => {
  const said = [0, 1, 999, 1_000, 3_449, 84_000, 999_600, 1_000_000, 12_345_678, 4 * 1024 ** 3].map(fileSize);
  assert.deepEqual(said, ['0 bytes', '1 byte', '999 bytes', '1 kB', '3.4 kB', '84 kB', '1 MB', '1 MB', '12 MB', '4.3 GB']);
});

test('a span is never nothing', () => {
  assert.deepEqual([0.2, 42.4, 59.9, 60, 3_000, 3_599, 7_300].map(shortSpan), ['1 sec', '42 sec', '1 min', '1 min', '50 min', '1 hr', '2 hr']);
});

test('a part is said in the unit of the whole', () => {
  assert.equal(partOfSize(508_000, 25_000_000), '0.5 of 25 MB');
  assert.equal(partOfSize(0, 800), '0 of 800 bytes');
  assert.equal(partOfSize(12_345_678, 25_000_000), '12.3 of 25 MB');
});
