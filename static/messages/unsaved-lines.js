/** @import { UnsavedChange } from './unsaved-changes.js' */
import { build } from '../elements/build.js';
import { KeyedList } from '../elements/keyed-list.js';
import { words } from '../words/english.js';
import { sentenceForCode } from '../words/sentences.js';

/**
 * Lines on what has not been saved: what it would change, and for what was refused why, and the ways to try it again or to
 * drop it. Hidden while there is nothing to tell.
 */
export class UnsavedLines {
  element = build('div', { class: 'unsaved-lines', hidden: true });
  #list = new KeyedList(
    this.element,
    // Whatever changes of a line is in its key: it is drawn once.
    (/** @type {UnsavedChange} */ { entry, standing }) => `${entry.client_command_id} ${standing}`,
    (change) => ({ element: line(change), update: () => {} }),
  );

  /** @param {readonly UnsavedChange[]} changes */
  show(changes) {
    this.#list.show(changes);
    this.element.hidden = changes.length === 0;
  }
}

/** @param {UnsavedChange} change */
function line({ entry: { client_command_id: id, command, fields, error }, standing }) {
  const isFailed = standing === 'failed';
  const { [standing]: told } = words.messages.unsaved[/** @type {'edit_message'} */ (command)];
  const sentence = isFailed && error ? `${told} ${sentenceForCode(error.code, error.params)}` : told;
  return build(
    'div',
    // Refused while one looks elsewhere: a screen reader says so.
    { class: `unsaved-line is-${standing}`, role: isFailed && 'alert' },
    fields.text && build('p', { class: 'unsaved-text', dir: 'auto' }, fields.text),
    build(
      'p',
      { class: 'delivery' },
      build('span', { class: isFailed && 'problem' }, fields.emoji && `${fields.emoji} `, sentence),
      isFailed && build('span', { class: 'unsaved-deeds' }, deed('retry', id), deed('discard', id)),
    ),
  );
}

/**
 * @param {'retry'|'discard'} kind
 * @param {string} clientCommandId
 */
function deed(kind, clientCommandId) {
  const name = { retry: words.messages.unsaved.retry, discard: words.messages.discard }[kind];
  return build('button', { type: 'button', class: 'link', [`data-${kind}`]: clientCommandId }, name);
}
