/**
 * @import { Account } from '../connection/protocol-shapes.js'
 */
import { CommandError } from '../connection/command-error.js';
import { request } from '../connection/http.js';
import { build, fill } from '../elements/build.js';
import { words } from '../words/english.js';
import { sentenceFor } from '../words/sentences.js';
import { customerNameField, emailField, nameField, newPasswordField } from './account-fields.js';
import { acceptInvitation } from './accepting.js';
import { showDoor, tell } from './door-form.js';

/**
 * An invitation's link leads here: what it is for, and the way in, for somebody with an account and for somebody
 * without.
 */
export class InvitationPage extends HTMLElement {
  #token;
  #account;

  /**
   * @param {string} token
   * @param {Account|null} account
   */
  constructor(token, account) {
    super();
    this.#token = token;
    this.#account = account;
  }

  async connectedCallback() {
    try {
      const invitation = await request('POST', '/api/invitation', { token: this.#token });
      if (this.#account) this.#offerJoining(invitation, this.#account);
      else this.#offerRegistration(invitation);
    } catch (error) {
      this.#refuse(error);
    }
  }

  /**
   * @param {any} invitation
   * @param {Account} account
   */
  #offerJoining(invitation, account) {
    showDoor(this, {
      title: words.invitation.title(invitation.room_name),
      lead: this.#lead(invitation),
      fields: [build('p', { class: 'quiet' }, words.invitation.as(account.display_name))],
      submit: words.invitation.accept,
      act: async () => {
        const roomId = await acceptInvitation(this.#token);
        location.replace(`/#/rooms/${roomId}`);
      },
    });
  }

  /** @param {any} invitation */
  #offerRegistration(invitation) {
    const signIn = build('button', { type: 'button', class: 'link' }, words.invitation.haveAccount);
    signIn.addEventListener('click', () => tell(this, 'show-sign-in'));
    const needsCustomer = invitation.kind === 'shared';
    showDoor(this, {
      title: words.invitation.title(invitation.room_name),
      lead: this.#lead(invitation),
      fields: [nameField(), needsCustomer && customerNameField(), emailField(), newPasswordField()],
      submit: words.invitation.accept,
      act: async (answers) => {
        await request('POST', '/api/registration', { ...answers, invitation_token: this.#token });
        location.replace('/');
      },
      after: [build('p', { class: 'door-after' }, signIn)],
    });
  }

  /** @param {any} invitation */
  #lead({ invited_by, grants_history }) {
    const history = grants_history ? words.invitation.withHistory : words.invitation.withoutHistory;
    return `${words.invitation.by(invited_by ?? words.somebody)} ${history}`;
  }

  /** @param {unknown} error */
  #refuse(error) {
    const isOver = error instanceof CommandError && error.code === 'link_expired';
    fill(
      this,
      build(
        'main',
        { class: 'door' },
        build(
          'div',
          { class: 'door-card' },
          build('h1', {}, words.invitation.expired),
          build('p', { class: 'quiet' }, isOver ? words.invitation.expiredLead : sentenceFor(error)),
          build('p', {}, build('a', { class: 'button primary', href: '/' }, words.invitation.home)),
        ),
      ),
    );
  }
}

customElements.define('invitation-page', InvitationPage);
