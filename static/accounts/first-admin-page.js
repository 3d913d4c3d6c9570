import { request } from '../connection/http.js';
import { words } from '../words/english.js';
import { emailField, nameField, newPasswordField } from './account-fields.js';
import { showDoor, tell } from './door-form.js';

/** The one-time link that the service printed at its first start leads here. */
export class FirstAdminPage extends HTMLElement {
  #token;

  /** @param {string} token */
  constructor(token) {
    super();
    this.#token = token;
  }

  connectedCallback() {
    showDoor(this, {
      title: words.firstAdmin.title,
      lead: words.firstAdmin.lead,
      fields: [nameField(), emailField(), newPasswordField()],
      submit: words.firstAdmin.submit,
      act: async (answers) => {
        const { account } = await request('POST', '/api/first-admin', { token: this.#token, ...answers });
        tell(this, 'signed-in', account);
      },
    });
  }
}

customElements.define('first-admin-page', FirstAdminPage);
