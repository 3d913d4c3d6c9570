import { request } from '../connection/http.js';
import { words } from '../words/english.js';
import { newPasswordField } from './account-fields.js';
import { showDoor, tell } from './door-form.js';

/** The one-time link an admin hands out leads here. */
export class SetPasswordPage extends HTMLElement {
  #token;

  /** @param {string} token */
  constructor(token) {
    super();
    this.#token = token;
  }

  connectedCallback() {
    showDoor(this, {
      title: words.setPassword.title,
      lead: words.setPassword.lead,
      fields: [newPasswordField(words.setPassword.password)],
      submit: words.setPassword.submit,
      act: async (answers) => {
        const { account } = await request('POST', '/api/password', { token: this.#token, ...answers });
        tell(this, 'signed-in', account);
      },
    });
  }
}

customElements.define('set-password-page', SetPasswordPage);
