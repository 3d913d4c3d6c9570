/**
 * The form of a page before the rooms (signing in, registering, choosing a password): fields, one button, words on what
 * went wrong.
 *
 * @import { Child } from '../elements/build.js'
 */
import { build, fill, say } from '../elements/build.js';
import { words } from '../words/english.js';
import { sentenceFor } from '../words/sentences.js';

/**
 * @param {HTMLElement} page
 * @param {object} door
 * @param {string} door.title
 * @param {Child} [door.lead]
 * @param {Child[]} door.fields
 * @param {string} door.submit
 * @param {(answers: Record<string, string>) => Promise<void>} door.act
 * @param {Child[]} [door.after] Links below the form.
 */
export function showDoor(page, { title, lead, fields, submit, act, after = [] }) {
  const problem = build('p', { class: 'problem', role: 'alert' });
  const button = build('button', { type: 'submit', class: 'button primary wide' }, submit);
  const form = build('form', { class: 'form' }, ...fields, problem, button);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    say(problem, '');
    try {
      await act(Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)])));
    } catch (error) {
      say(problem, sentenceFor(error));
    } finally {
      button.disabled = false;
    }
  });
  document.title = `${title} · ${words.product}`;
  fill(
    page,
    build(
      'main',
      { class: 'door' },
      build(
        'div',
        { class: 'door-card' },
        build('p', { class: 'product' }, words.product),
        build('h1', {}, title),
        lead && build('p', { class: 'quiet' }, lead),
        form,
        ...after,
      ),
    ),
  );
  page.querySelector('input')?.focus();
}

/**
 * Tell the application, from a page inside it.
 *
 * @param {HTMLElement} page
 * @param {string} type
 * @param {unknown} [detail]
 */
export function tell(page, type, detail) {
  page.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
}
