import { tell } from '../accounts/door-form.js';
import { CommandError } from '../connection/command-error.js';
import { request } from '../connection/http.js';
import { build, fill, say } from '../elements/build.js';
import { ask } from '../elements/dialogs.js';
import { radioField, textField } from '../elements/fields.js';
import { pageHeader } from '../elements/page-header.js';
import { countUnsent } from '../messages/unsaved-changes.js';
import { words } from '../words/english.js';
import { sentenceFor } from '../words/sentences.js';
import { chooseTheme, chosenTheme } from './theme.js';

/** @import { Workroom } from '../workroom.js' */
/** @import { Theme } from './theme.js' */

/** What belongs to the person and this browser: name, password, appearance, signing out. */
export class SettingsPage extends HTMLElement {
  #workroom;

  /** @param {Workroom} workroom */
  constructor(workroom) {
    super();
    this.#workroom = workroom;
  }

  connectedCallback() {
    fill(
      this,
      pageHeader(words.settings.title, this.#workroom.account.email),
      build('div', { class: 'page-body' }, this.#nameForm(), this.#themeChoice(), this.#passwordForm(), this.#signingOut()),
    );
  }

  #nameForm() {
    const { display_name } = this.#workroom.account;
    const name = textField(words.settings.name, { name: 'display_name', maxlength: 100, autocomplete: 'name', value: display_name });
    return section(words.settings.you, [name], words.settings.saveName, async (answers) => {
      const { account } = await request('PATCH', '/api/profile', answers);
      this.#workroom.become(account);
      return words.settings.nameSaved;
    });
  }

  #passwordForm() {
    const fields = [
      textField(words.settings.currentPassword, { name: 'current_password', type: 'password', autocomplete: 'current-password' }),
      textField(
        words.settings.newPassword,
        { name: 'password', type: 'password', autocomplete: 'new-password', minlength: 12 },
        words.registration.passwordHint,
      ),
    ];
    return section(words.settings.password, fields, words.settings.savePassword, async (answers) => {
      await request('POST', '/api/password', answers).catch(aboutThePassword);
      return words.settings.passwordSaved;
    });
  }

  #themeChoice() {
    const options = /** @type {[string, string][]} */ (Object.entries(words.settings.themes));
    const choice = radioField(words.settings.theme, 'theme', options, chosenTheme());
    choice.addEventListener('change', (event) => {
      chooseTheme(/** @type {Theme} */ (/** @type {HTMLInputElement} */ (event.target).value));
    });
    return build('section', { class: 'form-section' }, build('h2', {}, words.settings.theme), choice);
  }

  #signingOut() {
    const here = build('button', { type: 'button', class: 'button' }, words.settings.signOut);
    const everywhere = build('button', { type: 'button', class: 'button grave' }, words.settings.signOutEverywhere);
    const problem = build('p', { class: 'problem', role: 'alert' });
    here.addEventListener('click', () => void this.#signOut(problem));
    everywhere.addEventListener('click', () =>
      ask({
        title: words.settings.signOutEverywhereTitle,
        lead: words.settings.signOutEverywhereLead,
        submit: words.settings.signOutEverywhere,
        isGrave: true,
        act: () => this.#end('/api/sessions'),
      }),
    );
    return build(
      'section',
      { class: 'form-section' },
      build('h2', {}, words.settings.session),
      build('p', { class: 'quiet' }, words.settings.signOutLead),
      problem,
      build('div', { class: 'button-row' }, here, everywhere),
    );
  }

  /** @param {HTMLElement} problem */
  async #signOut(problem) {
    const { outbox } = this.#workroom;
    // What other tabs have not sent is lost too.
    outbox.takeOthers();
    const { entries } = outbox;
    if (entries.length > 0) {
      ask({
        title: words.settings.signOutTitle,
        lead: words.settings.unsent(countUnsent(entries)),
        submit: words.settings.signOut,
        isGrave: true,
        act: () => this.#end('/api/session'),
      });
      return;
    }
    try {
      await this.#end('/api/session');
    } catch (error) {
      say(problem, sentenceFor(error));
    }
  }

  /** @param {string} path */
  async #end(path) {
    await request('DELETE', path);
    tell(this, 'sign-out');
  }
}

/**
 * Here, a refused sign-in is about one field.
 *
 * @param {unknown} error
 * @returns {never}
 */
function aboutThePassword(error) {
  const isRefused = error instanceof CommandError && error.code === 'sign_in_refused';
  throw isRefused ? new CommandError('invalid_input', { params: { field: 'current_password' } }) : error;
}

/**
 * @param {string} title
 * @param {HTMLElement[]} fields
 * @param {string} submit
 * @param {(answers: Record<string, string>) => Promise<string>} act Resolves with words on what was done.
 */
function section(title, fields, submit, act) {
  const outcome = build('p', { class: 'outcome', role: 'status' });
  const problem = build('p', { class: 'problem', role: 'alert' });
  const button = build('button', { type: 'submit', class: 'button' }, submit);
  const form = build('form', { class: 'form' }, ...fields, problem, build('div', { class: 'button-row' }, button, outcome));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    say(problem, '');
    say(outcome, '');
    try {
      say(outcome, await act(Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]))));
      for (const input of form.querySelectorAll('input')) if (input.type === 'password') input.value = '';
    } catch (error) {
      say(problem, sentenceFor(error));
    } finally {
      button.disabled = false;
    }
  });
  return build('section', { class: 'form-section' }, build('h2', {}, title), form);
}

customElements.define('settings-page', SettingsPage);
