import assert from 'node:assert/strict';
import { test } from 'node:test';

import { gather } from '../../../static/compliance/histogram.js';

const PARTS = [
  { name: 'goes', label: 'Goes' },
  { name: 'held', label: 'Held' },
];

/** @param {number} count */
function monthsFrom2010(count) {
  return Array.from({ length: count }, (_, at) => ({
    month: `${2010 + Math.floor(at / 12)}-${String((at % 12) + 1).padStart(2, '0')}-01`,
    goes: 1,
    held: 2,
  }));
}

const sum = (bars, part) => bars.reduce((total, { counts }) => total + counts[part], 0);

test('nothing at all gives no bar', () => {
  assert.deepEqual(gather([], PARTS), []);
});

test('a month without anything has its place between two that have something', () => {
  const bars = gather(
    [
      { month: '2026-01-01', goes: 3, held: 0 },
      { month: '2026-04-01', goes: 1, held: 2 },
    ],
    PARTS,
  );
  assert.deepEqual(
    bars.map(({ counts }) => counts),
    [
      [3, 0],
      [0, 0],
      [0, 0],
      [1, 2],
    ],
  );
});

for (const count of [1, 12, 59, 60, 61, 100, 180, 181, 400, 720, 721, 1400]) {
  test(`${count} months lose nothing and give no more bars than can be seen`, () => {
    const bars = gather(monthsFrom2010(count), PARTS);
    assert.ok(bars.length <= 62, `${bars.length} bars`);
    assert.equal(sum(bars, 0), count);
    assert.equal(sum(bars, 1), 2 * count);
    assert.equal(new Set(bars.map(({ label }) => label)).size, bars.length);
  });
}

test('a bar of several months begins with a whole quarter or a whole year', () => {
  const quarters = gather(monthsFrom2010(62).slice(1), PARTS);
  assert.equal(quarters[0].label, 'Jan 2010 –');
  const years = gather(monthsFrom2010(200).slice(5), PARTS);
  assert.equal(years[0].label, '2010');
});
