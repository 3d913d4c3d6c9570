/**
 * @import { RoomEntry } from './room-list-state.js'
 */
import { build, fill, mark } from '../elements/build.js';
import { roomAddress } from '../route.js';
import { shortTime, elapsed, wholeDate } from '../words/dates.js';
import { words } from '../words/english.js';

/** A room in the list: its name, the last line, how much is unread, who is there, whether a customer waits. */
export class RoomListEntry {
  #link = build('a', { class: 'room-link' });
  element = build('li', { class: 'room-line' }, this.#link);
  #accountId;

  /** @param {string} accountId Whose list this is. */
  constructor(accountId) {
    this.#accountId = accountId;
  }

  /** @param {{room: RoomEntry, isOpen: boolean, waitingSince: string|null, lastAuthor: string|undefined}} shown */
  update({ room, isOpen, waitingSince, lastAuthor }) {
    const unread = room.unread + (room.staff_unread ?? 0);
    this.element.classList.toggle('is-unread', unread > 0);
    mark(this.#link, 'href', roomAddress(room.room_id));
    mark(this.#link, 'aria-current', isOpen && 'page');
    this.#link.dataset.roomId = room.room_id;
    const others = room.online.filter((id) => id !== this.#accountId).length;
    fill(
      this.#link,
      build(
        'span',
        { class: 'room-line-top' },
        build('span', { class: 'room-name', dir: 'auto' }, room.name),
        room.last_message && this.#time(room.last_message.sent_at),
      ),
      build('span', { class: 'room-last', dir: 'auto' }, this.#lastLine(room, lastAuthor)),
      build(
        'span',
        { class: 'room-marks' },
        room.customers.length > 0 && this.#customers(room),
        others > 0 && build('span', { class: 'here' }, words.rooms.online(others)),
        room.archived_at && build('span', { class: 'badge' }, words.rooms.archived),
        waitingSince && this.#waiting(waitingSince),
        ...this.#counts(room),
      ),
    );
  }

  /** @param {string} sentAt */
  #time(sentAt) {
    return build('time', { class: 'room-time', datetime: sentAt, title: wholeDate(sentAt) }, shortTime(sentAt));
  }

  /**
   * @param {RoomEntry} room
   * @param {string|undefined} author
   */
  #lastLine({ last_message: last }, author) {
    if (!last) return words.rooms.noMessage;
    if (last.deleted) return words.rooms.deleted;
    const who = last.author_id === this.#accountId ? words.you : author;
    const text = last.text || (last.file_count ? words.files.counted(last.file_count) : '');
    return who ? `${who}: ${text}` : text;
  }

  /** @param {RoomEntry} room */
  #customers({ customers, name }) {
    const names = customers.map((customer) => customer.name).filter((customer) => customer !== name);
    return names.length > 0 && build('span', { class: 'room-customers', dir: 'auto' }, names.join(', '));
  }

  /** @param {string} since */
  #waiting(since) {
    return build(
      'span',
      { class: 'badge waiting', title: words.rooms.waitingSince(wholeDate(since)) },
      [words.rooms.waiting, elapsed(since)].filter(Boolean).join(' '),
    );
  }

  /** @param {RoomEntry} room */
  #counts(room) {
    const { unread, staff_unread: notes = 0, mentioned } = room;
    const words_ = [words.rooms.unread(unread), mentioned && words.rooms.mentioned].filter(Boolean).join(', ');
    return [
      notes > 0 && build('span', { class: 'count notes', title: words.rooms.unreadNotes(notes) }, ...spoken(notes, words.rooms.unreadNotes(notes))),
      unread > 0 && build('span', { class: mentioned ? 'count mentioned' : 'count' }, ...spoken(unread, words_)),
    ];
  }
}

/**
 * A bare number for the eye, whole words for the ear.
 *
 * @param {number} count
 * @param {string} text
 */
function spoken(count, text) {
  return [
    build('span', { 'aria-hidden': 'true' }, count >= 100 ? '99+' : String(count)),
    build('span', { class: 'unseen' }, text),
  ];
}
