/**
 * Questions in front of the page, as the browser's own modal dialog: it keeps the focus, closes with Escape, and gives
 * the focus back.
 *
 * @import { Child } from './build.js'
 */
import { words } from '../words/english.js';
import { sentenceFor } from '../words/sentences.js';
import { build, fill, say } from './build.js';
import { icon } from './icon.js';

let count = 0;

/**
 * @param {string} title
 * @param {...Child} children
 * @returns {HTMLDialogElement} Open; it leaves the page when it is closed.
 */
export function openDialog(title, ...children) {
  const titleId = `dialog-title-${++count}`;
  const closing = build(
    'button',
    { type: 'button', class: 'icon-button', 'aria-label': words.close, onclick: () => dialog.close() },
    icon('close'),
  );
  const dialog = build(
    'dialog',
    { class: 'dialog', 'aria-labelledby': titleId },
    build('header', { class: 'dialog-header' }, build('h2', { id: titleId }, title), closing),
    ...children,
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * A dialog that asks for some fields and does something with them. It stays, with words on what went wrong, until that
 * worked.
 *
 * @param {object} question
 * @param {string} question.title
 * @param {string} [question.lead]
 * @param {Child[]} [question.fields]
 * @param {string} question.submit
 * @param {boolean} [question.isGrave] Something ends by it.
 * @param {(answers: FormData, dialog: HTMLDialogElement) => Promise<void>} question.act
 * @returns {HTMLDialogElement}
 */
export function ask({ title, lead, fields = [], submit, isGrave = false, act }) {
  const problem = build('p', { class: 'problem', role: 'alert' });
  const button = build('button', { type: 'submit', class: isGrave ? 'button grave' : 'button primary' }, submit);
  const cancel = build('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, words.cancel);
  const form = build(
    'form',
    { class: 'form' },
    lead && build('p', { class: 'quiet' }, lead),
    ...fields,
    problem,
    build('div', { class: 'form-actions' }, cancel, button),
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    say(problem, '');
    try {
      await act(new FormData(form), dialog);
      if (form.isConnected) dialog.close();
    } catch (error) {
      say(problem, sentenceFor(error));
    } finally {
      button.disabled = false;
    }
  });
  const dialog = openDialog(title, form);
  // What is asked for comes first; the browser itself would begin with the button that closes.
  /** @type {HTMLElement|null} */ (form.querySelector('input, select, textarea'))?.focus();
  return dialog;
}

/**
 * Show a link that is told once, with a button that copies it, in place of what the dialog had.
 *
 * @param {HTMLDialogElement} dialog
 * @param {string} lead
 * @param {string} link
 */
export function showLink(dialog, lead, link) {
  const field = build('input', { class: 'input', readonly: true, value: link, 'aria-label': lead });
  const copied = build('span', { class: 'quiet', role: 'status' });
  const copy = build('button', { type: 'button', class: 'button primary' }, words.copy);
  copy.addEventListener('click', async () => {
    field.select();
    // Without a secure context there is no clipboard for pages: the link is selected, the keyboard copies it.
    await navigator.clipboard?.writeText(link).then(() => say(copied, words.copied), () => {});
  });
  const done = build('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, words.close);
  const header = dialog.querySelector('.dialog-header');
  fill(dialog, header, build('p', { class: 'quiet' }, lead), field, build('div', { class: 'form-actions' }, copied, done, copy));
  field.focus();
  field.select();
}
