import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from '../../../static/files/pace.js';

const MIB = 1024 * 1024;

function paceOf(...samples) {
  const pace = new Pace();
  for (const [bytes, now] of samples) pace.reached(bytes, now);
  return pace;
}

test('nothing is said before there is something to say it by', () => {
  assert.equal(paceOf([0, 0], [900, 500]).secondsLeft(900), null);
  assert.equal(paceOf([0, 0], [0, 5_000]).bytesPerSecond, null);
});

test('the time that is left follows from the last seconds', () => {
  assert.equal(paceOf([0, 0], [1_000, 1_000]).secondsLeft(3_000), 3);
  const slower = paceOf([0, 0], [100_000, 1_000], [100_100, 10_000], [100_200, 11_000], [100_300, 12_000]);
  assert.ok(slower.bytesPerSecond < 60_000);
});

test('bytes that have to leave again begin a new measure', () => {
  assert.equal(paceOf([0, 0], [9_000, 1_000], [4_000, 1_100]).bytesPerSecond, null);
});

test('a piece is some seconds long, within what is sensible', () => {
  assert.equal(new Pace().pieceBytes, 4 * MIB);
  assert.equal(paceOf([0, 0], [1_000, 1_000]).pieceBytes, 4 * MIB);
  assert.equal(paceOf([0, 0], [2 * MIB, 1_000]).pieceBytes, 16 * MIB);
  assert.equal(paceOf([0, 0], [900 * MIB, 1_000]).pieceBytes, 64 * MIB);
});
