import { arrange } from '../elements/arrange.js';
import { avatar } from '../elements/avatar.js';
import { build, fill, mark, say } from '../elements/build.js';
import { CountedLink } from '../elements/counted-link.js';
import { icon } from '../elements/icon.js';
import { KeyedList } from '../elements/keyed-list.js';
import { Listening } from '../elements/listening.js';
import { Repaint } from '../elements/repaint.js';
import { parseRoute } from '../route.js';
import { words } from '../words/english.js';
import { RoomListEntry } from './room-list-entry.js';

/**
 * @import { Workroom } from '../workroom.js'
 * @import { Account } from '../connection/protocol-shapes.js'
 * @import { RoomEntry } from './room-list-state.js'
 */

const MINUTE_MS = 60_000;

/** The side of the application: where one can go, and the rooms. Arrow keys, or j and k, walk through the rooms. */
export class RoomListPanel extends HTMLElement {
  #listening = new Listening();
  #repaint = new Repaint(() => this.#draw());
  #list = build('ul', { class: 'room-lines' });
  #empty = build('div', { class: 'list-empty' });
  #places = build('ul', { class: 'places' });
  #desk = new CountedLink({ class: 'place', href: '#/desk' }, [icon('desk'), words.desk.title], 'quiet-count');
  #deskLine = build('li', {}, this.#desk.element);
  #people = new CountedLink({ class: 'place', href: '#/people' }, [icon('people'), words.people.title]);
  #peopleLine = build('li', {}, this.#people.element);
  #drawnName = '';
  #me = build('a', { class: 'me', href: '#/settings' });
  /** @type {ReturnType<typeof setInterval>|undefined} */
  #clock;
  /** @type {string[]|null} The order of the rooms while one of them is pressed: it stays under the pointer. */
  #heldOrder = null;
  #entries;
  #workroom;

  /** @param {Workroom} workroom */
  constructor(workroom) {
    super();
    this.#workroom = workroom;
    this.#entries = new KeyedList(
      this.#list,
      (/** @type {{room: RoomEntry, isOpen: boolean, waitingSince: string|null, lastAuthor: string|undefined}} */ shown) =>
        shown.room.room_id,
      () => new RoomListEntry(workroom.account.account_id),
    );
  }

  connectedCallback() {
    const create = this.#workroom.may('create_private_room') && build('a', { class: 'icon-button', href: '#/new-room', title: words.rooms.create, 'aria-label': words.rooms.create }, icon('plus'));
    fill(
      this,
      build(
        'nav',
        { class: 'sidebar', 'aria-label': words.rooms.title },
        build('header', { class: 'sidebar-header' }, build('span', { class: 'product' }, words.product), this.#me),
        this.#places,
        build('div', { class: 'rooms-header' }, build('h2', {}, words.rooms.title), create),
        build('div', { class: 'rooms-scroller' }, this.#list, this.#empty),
      ),
    );
    this.#list.addEventListener('keydown', (event) => this.#walk(event));
    this.#list.addEventListener('pointerdown', () => this.#holdOrder());
    for (const type of ['pointerup', 'pointercancel', 'contextmenu']) this.#listening.to(window, type, () => this.#letOrderGo());
    const { roomList, desk, people } = this.#workroom;
    for (const source of [roomList, desk, people, this.#workroom]) {
      for (const type of ['change', 'account', 'phase']) this.#listening.to(source, type, this.#repaint.request);
    }
    this.#listening.to(window, 'hashchange', () => this.#repaint.now());
    this.#clock = setInterval(this.#repaint.request, MINUTE_MS);
    this.#repaint.now();
  }

  disconnectedCallback() {
    clearInterval(this.#clock);
    this.#repaint.stop();
    this.#listening.end();
  }

  #draw() {
    const { desk, people, account } = this.#workroom;
    const route = parseRoute(location.hash);
    this.#drawPlaces(route.page);
    this.#drawMe(account);
    mark(this.#me, 'aria-current', route.page === 'settings' && 'page');
    this.#entries.show(
      this.#rooms().map((room) => ({
        room,
        isOpen: room.room_id === route.roomId,
        waitingSince: desk.waitingSince(room.room_id),
        lastAuthor: room.last_message?.author_name ?? people.nameOf(room.last_message?.author_id ?? ''),
      })),
    );
    this.#drawEmpty();
  }

  #rooms() {
    const { rooms } = this.#workroom.roomList;
    const held = this.#heldOrder;
    if (!held) return rooms;
    // One that is new comes last, and moves nothing.
    const placeOf = (/** @type {RoomEntry} */ { room_id }) => (held.includes(room_id) ? held.indexOf(room_id) : held.length);
    return rooms.toSorted((one, other) => placeOf(one) - placeOf(other));
  }

  #holdOrder() {
    this.#heldOrder ??= this.#workroom.roomList.rooms.map((room) => room.room_id);
  }

  /** The press is over; its click comes before the next frame, and finds the room where it was. */
  #letOrderGo() {
    if (!this.#heldOrder) return;
    this.#heldOrder = null;
    this.#repaint.request();
  }

  /** @param {Account} account */
  #drawMe({ account_id, display_name }) {
    if (this.#drawnName === display_name) return;
    this.#drawnName = display_name;
    fill(
      this.#me,
      avatar(account_id, display_name),
      build('span', { class: 'me-name' }, display_name),
      build('span', { class: 'unseen' }, ` (${words.settings.title})`),
    );
  }

  /** @param {string} page */
  #drawPlaces(page) {
    const { desk } = this.#workroom;
    const waiting = desk.rooms.length;
    this.#desk.show(page === 'desk', waiting, words.desk.waiting(waiting));
    this.#people.show(page === 'people', 0, '');
    const places = [
      this.#workroom.may('watch_desk') && this.#deskLine,
      this.#workroom.may('manage_accounts') && this.#peopleLine,
    ].filter((place) => place !== false);
    arrange(this.#places, ...places);
    this.#places.hidden = places.length === 0;
  }

  #drawEmpty() {
    const { roomList, isProvider } = this.#workroom;
    this.#empty.hidden = roomList.rooms.length > 0;
    if (this.#empty.hidden) return;
    if (!roomList.isLoaded) return fill(this.#empty, build('p', { class: 'quiet' }, words.loading));
    const lead = isProvider ? words.rooms.emptyProvider : words.rooms.emptyCustomer;
    if (this.#empty.childElementCount > 1) return say(this.#empty.children[1], lead);
    fill(
      this.#empty,
      build('p', { class: 'empty-title' }, words.rooms.empty),
      build('p', { class: 'quiet' }, lead),
      this.#workroom.may('create_private_room') &&
        build('p', {}, build('a', { class: 'button primary', href: '#/new-room' }, words.rooms.create)),
    );
  }

  /** @param {KeyboardEvent} event */
  #walk(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const links = [...this.#list.querySelectorAll('a')];
    const at = links.indexOf(/** @type {HTMLAnchorElement} */ (document.activeElement));
    const target = {
      ArrowDown: at + 1,
      j: at + 1,
      ArrowUp: at - 1,
      k: at - 1,
      Home: 0,
      End: links.length - 1,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    links[Math.min(Math.max(target, 0), links.length - 1)]?.focus();
  }
}

customElements.define('room-list-panel', RoomListPanel);
