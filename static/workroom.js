/**
 * Everything a signed-in browser holds, put together: the line, the streams, the outbox, the uploads, the list of
 * rooms, the open rooms, the desk. Says which part hears of what; decides nothing else, and draws nothing.
 *
 * @import { Account, Hello, RoomEvent, RoomLine } from './connection/protocol-shapes.js'
 * @import { ConnectionPhase } from './connection/socket-connection.js'
 */
import { PeopleDirectory } from './accounts/people-directory.js';
import { CommandError } from './connection/command-error.js';
import { mintCommandId } from './connection/command-id.js';
import { request } from './connection/http.js';
import { checkSession } from './connection/session-check.js';
import { SocketConnection } from './connection/socket-connection.js';
import { StreamRegistry } from './connection/stream-registry.js';
import { Desk } from './desk/desk.js';
import { TypingHints } from './messages/typing-hints.js';
import { streamsToFollow } from './rooms/followed-rooms.js';
import { OpenRooms } from './rooms/open-rooms.js';
import { ReadReporter } from './rooms/read-reporter.js';
import { RoomList } from './rooms/room-list.js';
import { Unsent } from './unsent.js';

const PRESENCE_REFRESH_MS = 2_000;
const UNFOLLOWED_REFRESH_MS = 30_000;

/**
 * Events: `phase` (the line's phase changed), `ended` (detail: the close code's name; nobody will connect again),
 * `account` (the account's own kind or name changed), `replaced` (another account has this browser's session, and all of
 * this has ended), `room-gone` (detail: the room's id).
 */
export class Workroom extends EventTarget {
  people = new PeopleDirectory();
  typing = new TypingHints();
  #isFirstHello = true;
  #roomListener = {
    onEvents: (/** @type {RoomEvent[]} */ events, /** @type {string} */ stream) => this.#receiveRoom(stream, events),
    onReset: () => this.#fetchAfresh(),
    onEnded: (/** @type {string} */ stream) => this.#streamEnded(stream),
  };

  /** @param {Account} account */
  constructor(account) {
    super();
    this.account = account;
    const accountId = account.account_id;
    const send = (/** @type {string} */ command, /** @type {Record<string, unknown>} */ fields) => this.send(command, fields);
    this.connection = new SocketConnection({
      openSocket: () => new WebSocket(new URL('/socket', location.href.replace(/^http/, 'ws'))),
      checkSession,
      listener: {
        admits: ({ account }) => this.#isOurs(account),
        onPhase: (phase) => this.#phaseChanged(phase),
        onHello: (hello) => this.#welcome(hello),
        onFrame: (frame) => this.#receive(frame),
        onStopped: (close) => this.dispatchEvent(new CustomEvent('ended', { detail: close })),
      },
    });
    this.streams = new StreamRegistry(send);
    this.unsent = new Unsent(accountId, send, {
      onChange: () => this.openRooms.conversations.forEach((conversation) => conversation.outboxChanged()),
      onDelivered: (entry, result) => this.openRooms.conversationOf(entry.stream)?.delivered(entry, result.seq),
    });
    this.drafts = this.unsent.drafts;
    this.outbox = this.unsent.outbox;
    this.uploads = this.unsent.uploads;
    this.reads = new ReadReporter(send);
    this.roomList = new RoomList({ accountId, people: this.people, send, onListed: (lines) => this.#listed(lines) });
    this.desk = new Desk(send);
    this.openRooms = new OpenRooms({ accountId, send, outbox: this.outbox, people: this.people }, (id) => this.#leave(id));
    this.people.learn([account]);
  }

  start() {
    this.uploads.start();
    this.connection.start();
  }

  /** Close the line and send nothing more. */
  end() {
    this.connection.stop();
    this.unsent.end();
  }

  /** Close the line and leave nothing of this account behind in the browser. */
  signOut() {
    this.end();
    this.unsent.clear();
  }

  /** @param {string} ability */
  may(ability) {
    return this.account.abilities.includes(ability);
  }

  get isProvider() {
    return this.account.kind !== 'customer';
  }

  /**
   * @param {string} command
   * @param {Record<string, unknown>} [fields]
   * @returns {Promise<any>}
   */
  send(command, fields = {}) {
    return this.connection.send(command, fields);
  }

  /**
   * A command that is recorded, with an id of its own.
   *
   * @param {string} command
   * @param {Record<string, unknown>} fields
   * @returns {Promise<any>}
   */
  record(command, fields) {
    return this.send(command, { client_command_id: mintCommandId(), ...fields });
  }

  /**
   * @param {string} roomId
   * @returns {import('./rooms/open-room.js').OpenRoom|null} Null where the account is not a member.
   */
  openRoom(roomId) {
    const line = this.roomList.find(roomId);
    if (!line) return null;
    const open = this.openRooms.open(line);
    if (!this.streams.followed.includes(line.stream)) this.#followRooms();
    return open;
  }

  /**
   * Everything of a stream up to a number has been read here.
   *
   * @param {string} stream
   * @param {number} seq
   */
  markRead(stream, seq) {
    this.roomList.readTo(stream, seq);
    this.openRooms.conversationOf(stream)?.readMarkerMoved(this.account.account_id, seq);
    this.reads.report(stream, seq);
  }

  /** @param {ConnectionPhase} phase */
  #phaseChanged(phase) {
    if (phase !== 'open') {
      this.streams.disconnected();
      this.outbox.disconnected();
    }
    this.dispatchEvent(new Event('phase'));
  }

  /** @param {Hello} hello */
  #welcome(hello) {
    this.become(hello.account);
    this.uploads.connected(hello.limits);
    this.streams.connected(hello);
    this.#followOwn();
    this.outbox.connected();
    this.reads.connected();
    if (this.may('watch_desk')) this.desk.watch();
    this.openRooms.connected();
    // Presence has no number: what changed while the line was gone is fetched with the list, a little later.
    this.roomList.refreshSoon(this.#isFirstHello ? 0 : PRESENCE_REFRESH_MS * (0.5 + Math.random()));
    this.#isFirstHello = false;
  }

  /** The account's own stream is listened to from now on: what it told before is in the list that is fetched next. */
  #followOwn() {
    this.streams.follow(this.account.stream, null, {
      onEvents: (events, stream) => this.#receiveOwn(stream, events),
      onReset: (stream) => {
        this.streams.unfollow(stream);
        this.#followOwn();
        this.roomList.refreshSoon();
      },
      onEnded: () => {},
    });
  }

  /** @param {Account} account As the service has it by now. */
  become(account) {
    if (!this.#isOurs(account)) return;
    const changedKind = account.kind !== this.account.kind;
    this.account = { ...this.account, ...account };
    this.people.learn([this.account]);
    if (changedKind) {
      this.openRooms.clear();
      this.roomList.refreshSoon();
    }
    this.dispatchEvent(new Event('account'));
  }

  /**
   * Whether this is still about the account that all of this belongs to. Another tab may have signed in somebody else:
   * what was written here must not leave under their name.
   *
   * @param {Account} account
   */
  #isOurs({ account_id: accountId }) {
    if (accountId === this.account.account_id) return true;
    this.end();
    this.dispatchEvent(new Event('replaced'));
    return false;
  }

  /** @param {RoomLine[]} lines */
  #listed(lines) {
    this.#followRooms();
    for (const { stream, seq, staff_stream, staff_seq = 0 } of lines) {
      this.streams.restart(stream, seq);
      if (staff_stream) this.streams.restart(staff_stream, staff_seq);
    }
    this.openRooms.listed();
  }

  /** Listen to the rooms of the list, as many as may be listened to. */
  #followRooms() {
    const isOpen = (/** @type {string} */ roomId) => this.openRooms.find(roomId) !== undefined;
    // One stream is the account's own.
    const { positions, isComplete } = streamsToFollow(this.roomList.rooms, isOpen, this.streams.limit - 1);
    const wanted = new Set(positions.map(({ stream }) => stream)).add(this.account.stream);
    for (const stream of this.streams.followed) if (!wanted.has(stream)) this.streams.unfollow(stream);
    for (const { stream, seq } of positions) this.streams.follow(stream, seq, this.#roomListener);
    if (!isComplete) this.roomList.refreshSoon(UNFOLLOWED_REFRESH_MS);
  }

  /** Positions were foreign (a restored backup): what is held here may never have happened. */
  #fetchAfresh() {
    this.openRooms.distrust();
    this.roomList.refreshSoon(0);
  }

  /** @param {any} frame */
  #receive(frame) {
    if (frame.type === 'events' || frame.type === 'unsubscribed') this.streams.receive(frame);
    else if (frame.type === 'typing') this.typing.began(frame.stream, frame.account_id);
    else if (frame.type === 'presence') {
      this.roomList.presenceChanged(frame);
      this.openRooms.ofStream(frame.stream)?.presenceChanged(frame);
    } else if (frame.type === 'read_marker') {
      this.openRooms.conversationOf(frame.stream)?.readMarkerMoved(frame.account_id, frame.seq);
    } else if (frame.type === 'desk_changed') this.desk.refreshSoon();
  }

  /**
   * @param {string} stream
   * @param {RoomEvent[]} events
   */
  #receiveRoom(stream, events) {
    this.openRooms.ofStream(stream)?.receive(stream, events);
    this.roomList.receive(stream, events);
    for (const event of events) if (event.kind === 'message_posted') this.typing.ended(stream, event.actor_id);
    this.dispatchEvent(new CustomEvent('room-events', { detail: { stream, events } }));
  }

  /**
   * @param {string} stream
   * @param {RoomEvent[]} events
   */
  #receiveOwn(stream, events) {
    this.roomList.receiveOwn(stream, events);
    for (const event of events) {
      if (event.kind === 'room_exited') this.#leave(event.room_id ?? '');
      // Whether one is in a room that waits stands in the desk's list, and is nobody else's business.
      if (['room_entered', 'room_exited'].includes(event.kind) && this.may('watch_desk')) this.desk.refreshSoon();
      if (event.kind === 'account_changed') void this.fetchAccount();
      if (event.kind === 'read_marker_moved') {
        this.openRooms.conversationOf(event.stream ?? '')?.readMarkerMoved(this.account.account_id, event.read_seq ?? 0);
      }
    }
  }

  async fetchAccount() {
    try {
      this.become((await request('GET', '/api/session')).account);
    } catch (error) {
      // The connection itself finds out where the session has ended.
      if (!(error instanceof CommandError)) throw error;
    }
  }

  /** @param {string} stream */
  #streamEnded(stream) {
    const line = this.roomList.findByStream(stream);
    // Where only the internal notes ended, the account changed sides: the list tells what is left.
    if (line?.staff_stream === stream) this.roomList.refreshSoon();
    else if (line) this.#leave(line.room_id);
  }

  /** @param {string} roomId */
  #leave(roomId) {
    const line = this.roomList.find(roomId);
    const streams = [line?.stream, line?.staff_stream].flatMap((stream) => stream ?? []);
    for (const stream of streams) this.streams.unfollow(stream);
    for (const stream of streams) this.uploads.leave(stream);
    this.openRooms.forget(roomId);
    this.roomList.forget(roomId);
    this.dispatchEvent(new CustomEvent('room-gone', { detail: roomId }));
  }
}
