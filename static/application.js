/**
 * Where the page begins: finds out who is here, and shows the door or the rooms.
 *
 * @import { Account } from './connection/protocol-shapes.js'
 */
import { FirstAdminPage } from './accounts/first-admin-page.js';
import { InvitationPage } from './accounts/invitation-page.js';
import { findToken, forgetToken, takeToken } from './accounts/link-token.js';
import { RegistrationPage } from './accounts/registration-page.js';
import { tellTabs } from './accounts/session-news.js';
import { SetPasswordPage } from './accounts/set-password-page.js';
import { SignInPage } from './accounts/sign-in-page.js';
import { CommandError } from './connection/command-error.js';
import { request } from './connection/http.js';
import { build, fill } from './elements/build.js';
import { Shell } from './shell.js';
import { words } from './words/english.js';

const RETRY_MS = 3_000;

export class Application extends HTMLElement {
  #token = takeToken();

  connectedCallback() {
    document.documentElement.lang = words.language;
    this.addEventListener('signed-in', (event) => this.#enter(/** @type {CustomEvent} */ (event).detail));
    this.addEventListener('signed-out', (event) => this.#showSignIn(/** @type {CustomEvent} */ (event).detail));
    this.addEventListener('show-registration', () => this.#show(new RegistrationPage()));
    this.addEventListener('show-sign-in', () => this.#showSignIn(null));
    // A link opened where the page of another one stands does not leave the page by itself.
    window.addEventListener('hashchange', () => findToken(location.hash) && location.reload());
    void this.#begin();
  }

  async #begin() {
    const { pathname } = location;
    if (pathname === '/first-admin') return this.#show(new FirstAdminPage(this.#token));
    if (pathname === '/set-password') return this.#show(new SetPasswordPage(this.#token));
    const account = await this.#findAccount();
    if (pathname === '/invitation') this.#show(new InvitationPage(this.#token, account));
    else if (account) this.#enter(account);
    else this.#showSignIn(null);
  }

  /** @returns {Promise<Account|null>} Who is signed in here. Waits, and says so, while the service is not reached. */
  async #findAccount() {
    for (;;) {
      try {
        return (await request('GET', '/api/session')).account;
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        if (error.code === 'sign_in_required') return null;
      }
      fill(this, build('main', { class: 'door' }, build('p', { role: 'status' }, words.connection.connecting)));
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** @param {Account} account */
  #enter(account) {
    tellTabs(account.account_id);
    // Somebody who came to sign in on an invitation's page goes on with the invitation.
    if (location.pathname === '/invitation' && this.#token) return this.#show(new InvitationPage(this.#token, account));
    forgetToken();
    if (location.pathname !== '/') history.replaceState(null, '', '/');
    void this.#showShell(account);
  }

  /** @param {Account} account */
  async #showShell(account) {
    try {
      // Nobody else fetches the officers' part.
      const compliance = account.abilities.includes('manage_holds') ? await import('./compliance/console.js') : null;
      this.#show(new Shell(account, compliance));
    } catch (error) {
      // That a module could not be fetched is a TypeError; whatever else it is, is a mistake of ours.
      if (!(error instanceof TypeError)) throw error;
      const again = build('button', { type: 'button', class: 'button' }, words.connection.reload);
      again.addEventListener('click', () => location.reload());
      fill(this, build('main', { class: 'door' }, build('p', { role: 'alert' }, words.errors.not_connected({})), again));
    }
  }

  /** @param {string|null} reason */
  #showSignIn(reason) {
    document.title = `${words.signIn.title} · ${words.product}`;
    this.#show(new SignInPage(reason));
  }

  /** @param {HTMLElement} page */
  #show(page) {
    this.replaceChildren(page);
  }
}

customElements.define('workroom-app', Application);
