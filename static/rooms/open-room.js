/**
 * A room that is open in this browser: name, members and presence, its conversation, and, for the provider's people, its
 * internal notes. Kept up to date by the same events as the list of rooms.
 *
 * @import { Room, RoomEvent, RoomLine } from '../connection/protocol-shapes.js'
 * @import { Outbox } from '../connection/outbox.js'
 * @import { Send } from '../connection/stream-registry.js'
 * @import { PeopleDirectory } from '../accounts/people-directory.js'
 */
import { CommandError } from '../connection/command-error.js';
import { Conversation } from '../messages/conversation.js';
import { presenceChanged, roomEventApplied } from './room-state.js';

export class OpenRoom extends EventTarget {
  /** @type {Room|null} Null until it was fetched. */
  room = null;
  /** Who came, went and read may have been told while there was no line. */
  isOutdated = false;
  /** @type {RoomEvent[]|null} Events of the shared stream while it is being fetched. */
  #meanwhile = null;
  /** @type {RoomEvent[]|null} */
  #staffMeanwhile = null;
  /** @type {Promise<void>|null} */
  #loading = null;
  #send;
  #people;

  /**
   * @param {RoomLine} line
   * @param {object} parts
   * @param {string} parts.accountId
   * @param {Send} parts.send
   * @param {Outbox} parts.outbox
   * @param {PeopleDirectory} parts.people
   */
  constructor(line, { accountId, send, outbox, people }) {
    super();
    this.roomId = line.room_id;
    this.#send = send;
    this.#people = people;
    /** @type {Send} */
    const sendAndLearn = async (command, fields) => {
      const reply = await send(command, fields);
      this.#people.learn(reply.people ?? []);
      return reply;
    };
    const parts = { accountId, send: sendAndLearn, outbox };
    this.shared = new Conversation({ ...parts, stream: line.stream, isInternal: false });
    this.staff = line.staff_stream
      ? new Conversation({ ...parts, stream: line.staff_stream, isInternal: true })
      : null;
  }

  /** @returns {Conversation[]} */
  get conversations() {
    return this.staff ? [this.shared, this.staff] : [this.shared];
  }

  /** Fetch the room afresh. Rejects with a CommandError where that fails; what was there then stays. */
  load() {
    this.#loading ??= this.#fetch().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  async #fetch() {
    this.#meanwhile = [];
    this.#staffMeanwhile = [];
    try {
      const { room } = await this.#send('open_room', { room_id: this.roomId });
      this.#opened(room, this.#meanwhile, this.#staffMeanwhile);
    } finally {
      this.#meanwhile = null;
      this.#staffMeanwhile = null;
    }
  }

  /**
   * Fetch what has no number, and so is not told again after a lost line: who is there, and how far the others have read.
   * Rejects with a CommandError where that fails.
   */
  async refreshHints() {
    const { room } = await this.#send('open_room', { room_id: this.roomId });
    this.isOutdated = false;
    if (this.room) this.#changeRoom({ ...this.room, online: room.online });
    const { shared, staff } = room.streams;
    for (const { account_id, seq } of shared.read_markers) this.shared.readMarkerMoved(account_id, seq);
    for (const { account_id, seq } of staff?.read_markers ?? []) this.staff?.readMarkerMoved(account_id, seq);
  }

  /**
   * @param {string} stream
   * @returns {Conversation|null}
   */
  conversationOf(stream) {
    return this.conversations.find((conversation) => conversation.stream === stream) ?? null;
  }

  /**
   * @param {string} stream
   * @param {RoomEvent[]} events
   */
  receive(stream, events) {
    const isShared = stream === this.shared.stream;
    (isShared ? this.#meanwhile : this.#staffMeanwhile)?.push(...events);
    if (!this.room) return;
    if (isShared) this.#changeRoom(events.reduce(roomEventApplied, this.room));
    this.#people.learn(events.flatMap((event) => event.member ?? []));
    this.conversationOf(stream)?.receive(events);
    // A changed rule shows again what was removed: nothing here knows what that was.
    if (events.some(({ kind }) => kind === 'messages_restored')) void this.#loadAnew();
  }

  async #loadAnew() {
    try {
      // One that is under way may have begun before.
      await this.#loading;
      await this.load();
    } catch (error) {
      // Without a line there will be a hello, which loads what is missing.
      if (!(error instanceof CommandError)) throw error;
    }
  }

  /** @param {{online?: string[], offline?: string[]}} hint */
  presenceChanged(hint) {
    if (this.room) this.#changeRoom(presenceChanged(this.room, hint));
  }

  /**
   * @param {Room} room
   * @param {RoomEvent[]} meanwhile
   * @param {RoomEvent[]} staffMeanwhile
   */
  #opened(room, meanwhile, staffMeanwhile) {
    const { shared, staff } = room.streams;
    this.#people.learn([...room.people, ...room.members]);
    const missed = meanwhile.filter((event) => event.seq > shared.seq);
    this.#changeRoom(missed.reduce(roomEventApplied, room));
    this.shared.open(shared, meanwhile);
    if (staff) this.staff?.open(staff, staffMeanwhile);
    this.dispatchEvent(new Event('opened'));
  }

  /** @param {Room} room */
  #changeRoom(room) {
    if (room === this.room) return;
    this.room = room;
    this.dispatchEvent(new Event('change'));
  }
}
