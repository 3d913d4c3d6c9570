/**
 * The application for somebody who is signed in: the rooms at the side, and beside them what the address asks for.
 *
 * @import { Account } from './connection/protocol-shapes.js'
 * @import * as Compliance from './compliance/console.js'
 */
import { PeoplePage } from './accounts/people-page.js';
import { tell } from './accounts/door-form.js';
import { hearTabs } from './accounts/session-news.js';
import { ConnectionBanner } from './connection/connection-banner.js';
import { SIGN_IN_CODES } from './connection/close-codes.js';
import { requestsAnswered } from './connection/http.js';
import { checkSession } from './connection/session-check.js';
import { DeskPage } from './desk/desk-page.js';
import { build, fill } from './elements/build.js';
import { Listening } from './elements/listening.js';
import { refuseStrayDrops } from './files/drop-zone.js';
import { NewRoomPage } from './rooms/new-room-page.js';
import { RoomListPanel } from './rooms/room-list-panel.js';
import { RoomPage } from './rooms/room-page.js';
import { SettingsPage } from './settings/settings-page.js';
import { parseRoute } from './route.js';
import { UnreadTitle } from './unread-title.js';
import { Workroom } from './workroom.js';
import { words } from './words/english.js';

/** @import { Route } from './route.js' */

const ENDED_SESSION = 4001;
const DEACTIVATED = 'account_deactivated';

export class Shell extends HTMLElement {
  #listening = new Listening();
  /** @type {BroadcastChannel|undefined} */
  #tabs;
  #main = build('main', { id: 'main', class: 'main', tabindex: -1 });
  #shown = '';
  #workroom;
  #title;
  #compliance;

  /**
   * @param {Account} account
   * @param {typeof Compliance|null} compliance For officers: they have no rooms, and the console in their place.
   */
  constructor(account, compliance) {
    super();
    this.#compliance = compliance;
    this.#workroom = new Workroom(account);
    this.#title = new UnreadTitle(this.#workroom.roomList);
  }

  connectedCallback() {
    const skip = build('a', { class: 'skip-link', href: '#main' }, words.skip);
    skip.addEventListener('click', (event) => {
      // The address after "#" says which page is shown: it stays.
      event.preventDefault();
      this.#focusMain();
    });
    fill(
      this,
      skip,
      new ConnectionBanner(this.#workroom),
      build('div', { class: 'shell' }, this.#compliance?.sidePanel(this.#workroom) ?? new RoomListPanel(this.#workroom), this.#main),
    );
    this.#listen();
    this.#workroom.start();
    this.#showRoute();
  }

  disconnectedCallback() {
    this.#listening.end();
    this.#tabs?.close();
    this.#title.end();
    this.#workroom.connection.stop();
  }

  #listen() {
    const to = this.#listening;
    refuseStrayDrops(to);
    to.to(window, 'hashchange', () => this.#showRoute());
    to.to(window, 'online', () => this.#workroom.connection.hurry());
    to.to(window, 'pageshow', () => this.#workroom.connection.hurry());
    to.to(document, 'visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#workroom.connection.hurry();
    });
    to.to(window, 'storage', (event) => this.#workroom.unsent.storageChanged(event));
    to.to(this.#workroom, 'ended', (event) => this.#ended(event.detail));
    this.#tabs = hearTabs();
    to.to(this.#tabs, 'message', ({ data: accountId }) => {
      if (accountId !== this.#workroom.account.account_id) void this.#workroom.fetchAccount();
    });
    // Nothing that was drawn or fetched for the account before may be left.
    to.to(this.#workroom, 'replaced', () => location.reload());
    to.to(this.#workroom, 'account', () => this.#accountChanged());
    to.to(this, 'sign-out', () => this.#signOut(null));
  }

  #showRoute() {
    const asked = parseRoute(location.hash);
    const route = asked.page === 'compliance' && !this.#compliance ? parseRoute('') : asked;
    const key = [route.page, route.roomId, ...(route.path ?? [])].join(' ');
    this.dataset.page = route.page;
    const page = this.#main.firstElementChild;
    if (key === this.#shown && page instanceof RoomPage) page.show(route.isNotes ?? false);
    if (key === this.#shown) return;
    const isFirst = this.#shown === '';
    this.#shown = key;
    fill(this.#main, this.#pageFor(route));
    if (!isFirst && !this.#main.contains(document.activeElement) && route.page !== 'rooms') this.#focusMain();
  }

  /** @param {Route} route */
  #pageFor(route) {
    const workroom = this.#workroom;
    if (this.#compliance && route.page !== 'settings') {
      const { title, page } = this.#compliance.pageFor(workroom, route.path ?? []);
      this.#title.page = title;
      return page;
    }
    switch (route.page) {
      case 'room':
        this.#title.page = '';
        return new RoomPage(workroom, route.roomId ?? '', route.isNotes ?? false, this.#title);
      case 'desk':
        this.#title.page = words.desk.title;
        return new DeskPage(workroom);
      case 'people':
        this.#title.page = words.people.title;
        return new PeoplePage(workroom);
      case 'settings':
        this.#title.page = words.settings.title;
        return new SettingsPage(workroom);
      case 'new-room':
        this.#title.page = words.newRoom.title;
        return new NewRoomPage(workroom);
      default:
        this.#title.page = words.rooms.title;
        return build(
          'div',
          { class: 'blank' },
          build('h1', { class: 'blank-title' }, words.rooms.nothingOpen),
          build('p', { class: 'quiet' }, words.rooms.nothingOpenLead),
        );
    }
  }

  #focusMain() {
    const composer = this.#main.querySelector('textarea');
    const target = composer && matchMedia('(hover: hover)').matches ? composer : this.#main;
    target.focus({ preventScroll: true });
  }

  /** @param {{code: number, name: string}} close */
  #ended({ code, name }) {
    if (code === ENDED_SESSION) void this.#findNewSession(name);
    else if (SIGN_IN_CODES.includes(code)) this.#signOut(name);
  }

  /**
   * The session ended: signed out, or exchanged for a new one by a change of the password in this very browser.
   *
   * @param {string} reason
   */
  async #findNewSession(reason) {
    await requestsAnswered();
    if ((await checkSession()) === 'signed_out') this.#signOut(reason);
    else if (this.isConnected) this.#workroom.connection.start();
  }

  #accountChanged() {
    // Promoted or made a customer's: what may be done has changed, and with it the page.
    const { kind } = this.#workroom.account;
    if (this.dataset.kind && this.dataset.kind !== kind) {
      this.#shown = '';
      this.#showRoute();
    }
    this.dataset.kind = kind;
  }

  /**
   * A session that ended by itself may be followed by another one of the same account: what was not sent waits for it.
   *
   * @param {string|null} reason Null where the person wanted it.
   */
  #signOut(reason) {
    if (reason === null || reason === DEACTIVATED) this.#workroom.signOut();
    else this.#workroom.end();
    if (reason === null) location.hash = '';
    tell(this, 'signed-out', reason);
  }
}

customElements.define('workroom-shell', Shell);
