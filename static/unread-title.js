/**
 * The window's title and its icon: how much is unread stands before the name of what is shown.
 *
 * @import { RoomList } from './rooms/room-list.js'
 */
import { Listening } from './elements/listening.js';
import { words } from './words/english.js';

export class UnreadTitle {
  #page = '';
  #listening = new Listening();
  #roomList;

  /** @param {RoomList} roomList */
  constructor(roomList) {
    this.#roomList = roomList;
    this.#listening.to(roomList, 'change', () => this.#show());
  }

  /** @param {string} page What is shown. */
  set page(page) {
    this.#page = page;
    this.#show();
  }

  end() {
    this.#listening.end();
    this.#showIcon(false);
  }

  #show() {
    const unread = this.#roomList.totalUnread;
    const title = this.#page ? `${this.#page} · ${words.product}` : words.product;
    document.title = unread > 0 ? `(${unread > 99 ? '99+' : unread}) ${title}` : title;
    this.#showIcon(unread > 0);
  }

  /** @param {boolean} hasUnread */
  #showIcon(hasUnread) {
    const link = document.querySelector('link[rel="icon"]');
    const href = hasUnread ? '/static/icon-unread.svg' : '/static/icon.svg';
    if (link && link.getAttribute('href') !== href) link.setAttribute('href', href);
  }
}
