import { request } from '../connection/http.js';
import { build } from '../elements/build.js';
import { words } from '../words/english.js';
import { emailField, passwordField } from './account-fields.js';
import { showDoor, tell } from './door-form.js';

/** @type {Record<string, string>} */
const ENDED = words.signIn.ended;

/** Signing in with e-mail and password; says why, where a session has just ended. */
export class SignInPage extends HTMLElement {
  #reason;

  /** @param {string|null} reason The name of the close code that ended the session. */
  constructor(reason) {
    super();
    this.#reason = reason;
  }

  connectedCallback() {
    const register = build('button', { type: 'button', class: 'link' }, words.signIn.register);
    register.addEventListener('click', () => tell(this, 'show-registration'));
    showDoor(this, {
      title: words.signIn.title,
      lead: ENDED[this.#reason ?? ''] ?? words.signIn.lead,
      fields: [emailField(), passwordField()],
      submit: words.signIn.submit,
      act: async (answers) => {
        const { account } = await request('POST', '/api/session', answers);
        tell(this, 'signed-in', account);
      },
      after: [build('p', { class: 'door-after' }, register)],
    });
  }
}

customElements.define('sign-in-page', SignInPage);
