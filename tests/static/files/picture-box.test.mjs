import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LARGE, boxFor } from '../../../static/files/picture-box.js';

test('a picture takes its own place, in proportion, where it is small enough', () => {
  assert.deepEqual(boxFor({ width: 200, height: 100 }, LARGE), { width: 200, height: 100 });
  assert.deepEqual(boxFor({ width: 3520, height: 1000 }, LARGE), { width: 352, height: 100 });
  assert.deepEqual(boxFor({ width: 1000, height: 2880 }, LARGE), { width: 100, height: 288 });
});

test('a sliver and a dot can still be pointed at', () => {
  assert.deepEqual(boxFor({ width: 4000, height: 4 }, LARGE), { width: 352, height: 48 });
  assert.deepEqual(boxFor({ width: 1, height: 1 }, LARGE), { width: 48, height: 48 });
});

test('one of which nothing is known yet has a place too', () => {
  const { width, height } = boxFor(null, LARGE);
  assert.ok(width > 200 && height > 150 && width <= LARGE.width && height <= LARGE.height);
});
