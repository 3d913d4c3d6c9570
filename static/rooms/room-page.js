import { CommandError } from '../connection/command-error.js';
import { arrange } from '../elements/arrange.js';
import { build, fill, mark, say } from '../elements/build.js';
import { CountedLink } from '../elements/counted-link.js';
import { icon } from '../elements/icon.js';
import { Listening } from '../elements/listening.js';
import { backLink } from '../elements/page-header.js';
import { Repaint } from '../elements/repaint.js';
import { ConversationView } from '../messages/conversation-view.js';
import { roomAddress } from '../route.js';
import { words } from '../words/english.js';
import { RoomDetails } from './room-details.js';

/**
 * @import { Workroom } from '../workroom.js'
 * @import { UnreadTitle } from '../unread-title.js'
 * @import { OpenRoom } from './open-room.js'
 */

const DETAILS_KEY = 'workroom.details';
const WIDE = '(min-width: 1200px)';
/** Where the details cover the room. As in details.css. */
const NARROW = '(max-width: 719px)';

/** A room: its head, the conversation or the internal notes, and its details at the side. */
export class RoomPage extends HTMLElement {
  #listening = new Listening();
  #repaint = new Repaint(() => this.#draw());
  #name = build('h1', { class: 'room-title', dir: 'auto' });
  #facts = build('p', { class: 'room-facts', dir: 'auto' });
  #toConversation;
  #toNotes;
  #tabs = build('nav', { class: 'tabs', 'aria-label': words.room.conversation });
  #detailsButton = build('button', { type: 'button', class: 'icon-button', 'aria-label': words.room.details, title: words.room.details });
  #body = build('div', { class: 'room-body' });
  #column = build('div', { class: 'room-column' });
  /** @type {OpenRoom|null} */
  #open = null;
  #isGone = false;
  /** @type {RoomDetails|null} */
  #details = null;
  #isNotes;
  #workroom;
  #roomId;
  #title;

  /**
   * @param {Workroom} workroom
   * @param {string} roomId
   * @param {boolean} isNotes Whether the internal notes are shown.
   * @param {UnreadTitle} title
   */
  constructor(workroom, roomId, isNotes, title) {
    super();
    this.#workroom = workroom;
    this.#roomId = roomId;
    this.#isNotes = isNotes;
    this.#title = title;
    this.#toConversation = new CountedLink({ class: 'tab', href: roomAddress(roomId) }, [words.room.conversation]);
    this.#toNotes = new CountedLink({ class: 'tab', href: roomAddress(roomId, true) }, [words.room.notes]);
  }

  connectedCallback() {
    this.#detailsButton.append(icon('details'));
    this.#listening.to(this.#workroom.roomList, 'change', () => this.#listChanged());
    this.#listening.to(this.#detailsButton, 'click', () => this.#toggleDetails());
    this.#listening.to(this, 'close-details', () => this.#showDetails(false));
    this.#listening.to(this, 'show-message', ({ detail }) => this.#showMessage(detail));
    this.#listening.to(document, 'keydown', (event) => this.#key(event));
    this.#listening.to(matchMedia(NARROW), 'change', () => this.#cover());
    void this.#enter();
  }

  disconnectedCallback() {
    this.#listening.end();
    this.#repaint.stop();
  }

  /** @param {boolean} isNotes Show the internal notes, or the conversation. */
  show(isNotes) {
    if (isNotes === this.#isNotes) return;
    this.#isNotes = isNotes;
    if (this.#open) this.#showConversation(this.#open);
    this.#details?.show(isNotes);
    this.#draw();
  }

  async #enter() {
    const open = this.#workroom.openRoom(this.#roomId);
    if (open) return this.#opened(open);
    fill(this, build('div', { class: 'blank' }, build('p', { class: 'quiet', role: 'status' }, words.loading)));
    // Before the first hello, or just joined: a list that is fetched now settles whether there is such a room.
    if (!this.#workroom.roomList.isLoaded) return;
    try {
      await this.#workroom.roomList.refreshAnew();
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      return;
    }
    if (!this.#open) this.#showGone(words.rooms.gone);
  }

  #listChanged() {
    if (!this.isConnected) return;
    const open = this.#workroom.openRoom(this.#roomId);
    if (open && open !== this.#open) this.#opened(open);
    else if (open) this.#repaint.request();
    else if (this.#open) this.#showGone(words.rooms.left);
    else if (this.#workroom.roomList.isLoaded && !this.#isGone) this.#showGone(words.rooms.gone);
  }

  /** @param {OpenRoom} open */
  #opened(open) {
    this.#open = open;
    this.#isGone = false;
    this.#listening.to(open, 'change', this.#repaint.request);
    const titles = build('div', { class: 'room-titles' }, this.#name, this.#facts);
    const header = build('header', { class: 'room-header' }, backLink(), titles, this.#tabs, this.#detailsButton);
    fill(this.#column, header, this.#body);
    fill(this, this.#column);
    this.#showConversation(open);
    if (matchMedia(WIDE).matches && localStorage.getItem(DETAILS_KEY) !== 'closed') this.#showDetails(true);
    else this.#showDetails(false);
    this.#draw();
  }

  /** @param {OpenRoom} open */
  #showConversation(open) {
    const conversation = (this.#isNotes && open.staff) || open.shared;
    const view = new ConversationView(this.#workroom, open, conversation);
    fill(this.#body, view);
    if (matchMedia('(hover: hover)').matches) view.querySelector('textarea')?.focus({ preventScroll: true });
  }

  #draw() {
    const line = this.#workroom.roomList.find(this.#roomId);
    if (!line || !this.#open) return;
    const room = this.#open.room ?? line;
    say(this.#name, room.name);
    this.#title.page = room.name;
    const members = this.#open.room?.members.length ?? line.member_count;
    const here = room.online.filter((id) => id !== this.#workroom.account.account_id).length;
    const facts = [
      words.roomKinds[room.kind],
      room.customers.map(({ name }) => name).join(', '),
      words.room.members(members),
      here > 0 && words.rooms.online(here),
      room.archived_at && words.rooms.archived,
    ];
    say(this.#facts, facts.filter(Boolean).join(' · '));
    this.#drawTabs(line.unread, line.staff_unread ?? 0);
  }

  /**
   * @param {number} unread
   * @param {number} unreadNotes
   */
  #drawTabs(unread, unreadNotes) {
    this.#tabs.hidden = !this.#open?.staff;
    if (this.#tabs.hidden) return;
    const isNotes = this.#isNotes;
    arrange(this.#tabs, this.#toConversation.element, this.#toNotes.element);
    this.#toConversation.show(!isNotes, isNotes ? unread : 0, words.rooms.unread(unread));
    this.#toNotes.show(isNotes, isNotes ? 0 : unreadNotes, words.rooms.unreadNotes(unreadNotes));
    this.classList.toggle('shows-notes', isNotes);
  }

  #toggleDetails() {
    const shows = !this.#details;
    if (matchMedia(WIDE).matches) localStorage.setItem(DETAILS_KEY, shows ? 'open' : 'closed');
    this.#showDetails(shows);
    if (shows) this.#details?.focusFirst();
  }

  /** @param {boolean} shows */
  #showDetails(shows) {
    const hadFocus = this.#isInDetails(document.activeElement);
    this.#details?.remove();
    this.#details = shows && this.#open ? new RoomDetails(this.#workroom, this.#open, this.#isNotes) : null;
    if (this.#details) this.append(this.#details);
    mark(this.#detailsButton, 'aria-expanded', String(shows));
    this.#cover();
    if (hadFocus) this.#detailsButton.focus();
  }

  /**
   * Where they cover the room, what is around it counts too: a click on their text takes the focus there.
   *
   * @param {EventTarget|null} target
   */
  #isInDetails(target) {
    if (!this.#details || !(target instanceof Node)) return false;
    return this.#details.contains(target) || (this.#column.inert && target.contains(this));
  }

  /** What the details cover cannot be reached; a focus that was there goes to them. */
  #cover() {
    const isCovered = this.#details !== null && matchMedia(NARROW).matches;
    const hadFocus = isCovered && this.#column.contains(document.activeElement);
    this.#column.inert = isCovered;
    if (hadFocus) this.#details?.focusFirst();
  }

  /**
   * A file's message is asked for. Details that lie over the conversation make way.
   *
   * @param {{messageId: string, seq: number}} which
   */
  #showMessage({ messageId, seq }) {
    if (!matchMedia(WIDE).matches) this.#showDetails(false);
    const view = this.#body.firstElementChild;
    if (view instanceof ConversationView) void view.showMessage(messageId, seq);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === 'Escape' && this.#isInDetails(event.target)) this.#showDetails(false);
  }

  /** @param {string} title */
  #showGone(title) {
    this.#isGone = true;
    this.#open = null;
    this.#details = null;
    this.#title.page = title;
    fill(
      this,
      build(
        'div',
        { class: 'blank' },
        build('h1', { class: 'blank-title' }, title),
        build('p', { class: 'quiet' }, words.rooms.goneLead),
        build('p', {}, build('a', { class: 'button', href: '#/' }, words.back)),
      ),
    );
  }
}

customElements.define('room-page', RoomPage);
