/**
 * @import { RoomEntry } from './room-list-state.js'
 */
import { arrange } from '../elements/arrange.js';
import { build, mark, say } from '../elements/build.js';
import { Count } from '../elements/count.js';
import { roomAddress } from '../route.js';
import { shortTime, elapsed, wholeDate } from '../words/dates.js';
import { words } from '../words/english.js';

/**
 * A room in the list: its name, the last line, how much is unread, who is there, whether a customer waits. Its parts are
 * made once and changed in place: a browser tells of no click where the part that was pressed has gone by the release.
 */
export class RoomListEntry {
  #name = build('span', { class: 'room-name', dir: 'auto' });
  #time = build('time', { class: 'room-time' });
  #top = build('span', { class: 'room-line-top' }, this.#name);
  #last = build('span', { class: 'room-last', dir: 'auto' });
  #customers = build('span', { class: 'room-customers', dir: 'auto' });
  #here = build('span', { class: 'here' });
  #archived = build('span', { class: 'badge' }, words.rooms.archived);
  #waiting = build('span', { class: 'badge waiting' });
  #notes = new Count();
  #unread = new Count();
  #marks = build('span', { class: 'room-marks' });
  #link = build('a', { class: 'room-link' }, this.#top, this.#last, this.#marks);
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
    mark(this.#link, 'data-room-id', room.room_id);
    say(this.#name, room.name);
    arrange(this.#top, this.#name, this.#timeOf(room));
    say(this.#last, this.#lastLine(room, lastAuthor));
    arrange(
      this.#marks,
      this.#customersOf(room),
      this.#othersHere(room),
      room.archived_at && this.#archived,
      this.#waitingFor(waitingSince),
      ...this.#counts(room),
    );
  }

  /** @param {RoomEntry} room */
  #timeOf({ last_message: last }) {
    if (!last) return null;
    mark(this.#time, 'datetime', last.sent_at);
    mark(this.#time, 'title', wholeDate(last.sent_at));
    say(this.#time, shortTime(last.sent_at));
    return this.#time;
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
  #customersOf({ customers, name }) {
    const names = customers.map((customer) => customer.name).filter((customer) => customer !== name);
    say(this.#customers, names.join(', '));
    return names.length > 0 && this.#customers;
  }

  /** @param {RoomEntry} room */
  #othersHere({ online }) {
    const others = online.filter((id) => id !== this.#accountId).length;
    say(this.#here, words.rooms.online(others));
    return others > 0 && this.#here;
  }

  /** @param {string|null} since */
  #waitingFor(since) {
    if (!since) return null;
    mark(this.#waiting, 'title', words.rooms.waitingSince(wholeDate(since)));
    say(this.#waiting, [words.rooms.waiting, elapsed(since)].filter(Boolean).join(' '));
    return this.#waiting;
  }

  /** @param {RoomEntry} room */
  #counts({ unread, staff_unread: notes = 0, mentioned }) {
    const noted = words.rooms.unreadNotes(notes);
    mark(this.#notes.element, 'title', noted);
    return [
      this.#notes.show(notes, noted, 'notes'),
      this.#unread.show(
        unread,
        [words.rooms.unread(unread), mentioned && words.rooms.mentioned].filter(Boolean).join(', '),
        mentioned ? 'mentioned' : '',
      ),
    ];
  }
}
