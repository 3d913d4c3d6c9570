import { request } from '../connection/http.js';
import { build } from '../elements/build.js';
import { words } from '../words/english.js';
import { customerNameField, emailField, nameField, newPasswordField } from './account-fields.js';
import { showDoor, tell } from './door-form.js';

/** A customer's person registers; an admin makes all other accounts. */
export class RegistrationPage extends HTMLElement {
  connectedCallback() {
    const signIn = build('button', { type: 'button', class: 'link' }, words.registration.signIn);
    signIn.addEventListener('click', () => tell(this, 'show-sign-in'));
    showDoor(this, {
      title: words.registration.title,
      lead: words.registration.lead,
      fields: [nameField(), customerNameField(), emailField(), newPasswordField()],
      submit: words.registration.submit,
      act: async (answers) => {
        const { account } = await request('POST', '/api/registration', answers);
        tell(this, 'signed-in', account);
      },
      after: [build('p', { class: 'door-after' }, signIn)],
    });
  }
}

customElements.define('registration-page', RegistrationPage);
