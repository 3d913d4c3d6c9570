import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  countUnsent,
  isReplacedBy,
  reactionUnderWay,
  textToEdit,
  textUnderWay,
  unsavedByMessage,
} from '../../../static/messages/unsaved-changes.js';
import { words } from '../../../static/words/english.js';

const COMMANDS = ['edit_message', 'delete_message', 'add_reaction', 'remove_reaction'];

function change(command, { state = 'failed', messageId = 'm1', ...fields } = {}) {
  return { client_command_id: 'c1', command, stream: 's', state, error: null, order: 1, fields: { message_id: messageId, ...fields } };
}

test('changes are told on the message they are about, oldest first', () => {
  const edit = change('edit_message', { text: 'new' });
  const reaction = change('add_reaction', { emoji: '👍', state: 'pending' });
  const other = change('delete_message', { messageId: 'm2', state: 'pending' });
  const told = unsavedByMessage([edit, reaction, other], true);
  assert.deepEqual(told.get('m1'), [
    { entry: edit, standing: 'failed' },
    { entry: reaction, standing: 'sending' },
  ]);
  assert.deepEqual(told.get('m2'), [{ entry: other, standing: 'sending' }]);
});

test('what cannot leave waits, and what was refused stays refused', () => {
  const told = unsavedByMessage([change('edit_message', { state: 'pending' }), change('edit_message')], false);
  assert.deepEqual(told.get('m1').map(({ standing }) => standing), ['waiting', 'failed']);
});

test('there are words for every change and how it stands', () => {
  for (const command of COMMANDS) assert.deepEqual(Object.keys(words.messages.unsaved[command]), ['sending', 'waiting', 'failed']);
});

test('a new change replaces one that was refused and would undo it', () => {
  const about = { message_id: 'm1' };
  assert.ok(isReplacedBy(change('edit_message'), 'edit_message', { ...about, text: 'newer' }));
  for (const command of COMMANDS) assert.ok(isReplacedBy(change(command), 'delete_message', about), command);
  assert.ok(isReplacedBy(change('add_reaction', { emoji: '👍' }), 'remove_reaction', { ...about, emoji: '👍' }));
});

test('a new change replaces nothing else', () => {
  const about = { message_id: 'm1' };
  assert.ok(!isReplacedBy(change('edit_message', { state: 'pending' }), 'edit_message', about));
  assert.ok(!isReplacedBy(change('edit_message', { messageId: 'm2' }), 'edit_message', about));
  assert.ok(!isReplacedBy(change('delete_message'), 'edit_message', about));
  assert.ok(!isReplacedBy(change('edit_message'), 'add_reaction', { ...about, emoji: '👍' }));
  assert.ok(!isReplacedBy(change('add_reaction', { emoji: '🎉' }), 'add_reaction', { ...about, emoji: '👍' }));
});

test('a reaction that is on its way counts as standing, and one that is being taken back does not', () => {
  const pending = { state: 'pending', emoji: '👍' };
  const added = change('add_reaction', pending);
  assert.equal(reactionUnderWay([added], 'm1', '👍'), true);
  assert.equal(reactionUnderWay([added, change('remove_reaction', pending)], 'm1', '👍'), false);
  for (const [id, emoji] of [['m1', '🎉'], ['m2', '👍']]) assert.equal(reactionUnderWay([added], id, emoji), undefined);
  assert.equal(reactionUnderWay([change('add_reaction', { emoji: '👍' })], 'm1', '👍'), undefined);
});

test('editing begins with the last words one wrote for the message, refused or under way, and else with what it says', () => {
  const message = { message_id: 'm1', text: 'stands' };
  const refused = change('edit_message', { text: 'refused' });
  const pending = change('edit_message', { text: 'on its way', state: 'pending' });
  assert.equal(textToEdit([], message), 'stands');
  assert.equal(textToEdit([refused], message), 'refused');
  assert.equal(textToEdit([refused, pending], message), 'on its way');
  assert.equal(textToEdit([pending, change('edit_message', { text: 'the latest' })], message), 'the latest');
  const others = [change('edit_message', { messageId: 'm2', text: 'of another' }), change('add_reaction', { emoji: '👍' })];
  assert.equal(textToEdit(others, message), 'stands');
});

test('what is under way will stand, and what was refused will not', () => {
  const message = { message_id: 'm1', text: 'stands' };
  const pending = change('edit_message', { text: 'on its way', state: 'pending' });
  assert.equal(textUnderWay([pending, change('edit_message', { text: 'refused' })], message), 'on its way');
  assert.equal(textUnderWay([change('edit_message', { text: 'refused' })], message), 'stands');
});

test('before signing out it is said what would be lost, and an edit is no message', () => {
  const told = (...commands) => words.settings.unsent(countUnsent(commands.map((command) => change(command))));
  assert.equal(told('post_message'), '1 message has not arrived and would be lost.');
  assert.equal(told('edit_message'), '1 edit has not arrived and would be lost.');
  assert.equal(told('delete_message', 'delete_message'), '2 deletions have not arrived and would be lost.');
  assert.equal(
    told('add_reaction', 'post_message', 'remove_reaction', 'edit_message', 'post_message'),
    '2 messages, 1 edit, and 2 reactions have not arrived and would be lost.',
  );
});
