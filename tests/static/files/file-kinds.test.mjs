import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formOf, guessKind, splitName } from '../../../static/files/file-kinds.js';

const file = (fields) => ({ file_id: 'f', name: 'n', byte_size: 1, type: 'image/png', kind: 'picture', state: 'ready', ...fields });
const preview = { width: 4, height: 3 };

test('a picture is drawn as one once there is a small one, or one is to come', () => {
  assert.equal(formOf(file({ preview })), 'picture');
  assert.equal(formOf(file({ preparing: true })), 'picture');
  assert.equal(formOf(file({ state: 'checking' })), 'picture');
  assert.equal(formOf(file({})), 'card', 'broken, or too large to be made small');
});

test('what is infected is a card, whatever it was', () => {
  assert.equal(formOf(file({ state: 'infected', preview })), 'card');
  assert.equal(formOf(file({ state: 'infected', kind: 'video', type: 'video/mp4' })), 'card');
});

test('sound and films play only where the service gives them out to be shown', () => {
  assert.equal(formOf(file({ kind: 'audio', type: 'audio/mpeg' })), 'audio');
  assert.equal(formOf(file({ kind: 'video', type: 'video/webm' })), 'video');
  assert.equal(formOf(file({ kind: 'video', type: 'video/quicktime' })), 'card');
  assert.equal(formOf(file({ kind: 'video', type: 'video/webm', state: 'checking' })), 'card');
});

test('only a document that the browser can show has a first page', () => {
  assert.equal(formOf(file({ kind: 'document', type: 'application/pdf', preview })), 'page');
  assert.equal(formOf(file({ kind: 'document', type: 'application/pdf' })), 'card');
  assert.equal(formOf(file({ kind: 'document', type: 'application/rtf' })), 'card');
});

test('what the browser takes for markup or nothing is no picture', () => {
  assert.deepEqual(['image/png', 'image/svg+xml', 'text/html', '', 'application/zip'].map(guessKind), ['picture', 'other', 'text', 'other', 'archive']);
});

test('a long name keeps its ending in sight', () => {
  assert.deepEqual(splitName('statement of march.pdf'), { stem: 'statement of m', ending: 'arch.pdf' });
  assert.deepEqual(splitName('photo.jpg.exe'), { stem: 'photo', ending: '.jpg.exe' });
  assert.deepEqual(splitName('.env'), { stem: '', ending: '.env' });
  for (const name of ['a', 'no ending at all', '😀😀😀😀😀😀.png', 'x.'.repeat(40)]) {
    const { stem, ending } = splitName(name);
    assert.equal(stem + ending, name);
  }
});
