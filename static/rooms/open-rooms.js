/**
 * The rooms that were opened last, kept so that going back to one needs no request. They hear of all events; a room that
 * was not used for long is let go.
 *
 * @import { RoomLine } from '../connection/protocol-shapes.js'
 * @import { Conversation } from '../messages/conversation.js'
 */
import { CommandError, isLineLost } from '../connection/command-error.js';
import { OpenRoom } from './open-room.js';

const MOST_OPEN_ROOMS = 8;
const RETRY_MS = 4_000;

export class OpenRooms {
  /** @type {Map<string, OpenRoom>} The one used last is last. */
  #rooms = new Map();
  #parts;
  #onGone;

  /**
   * @param {ConstructorParameters<typeof OpenRoom>[1]} parts
   * @param {(roomId: string) => void} onGone The room cannot be opened (any more).
   */
  constructor(parts, onGone) {
    this.#parts = parts;
    this.#onGone = onGone;
  }

  /**
   * The room as it is held here; fetched where it is not yet.
   *
   * @param {RoomLine} line
   */
  open(line) {
    const known = this.#rooms.get(line.room_id);
    const room = known ?? new OpenRoom(line, this.#parts);
    this.#rooms.delete(line.room_id);
    this.#rooms.set(line.room_id, room);
    if (this.#rooms.size > MOST_OPEN_ROOMS) this.#rooms.delete([...this.#rooms.keys()][0]);
    if (!known) void this.#load(room);
    else void this.#refreshHints(room);
    return room;
  }

  /** @param {string} roomId */
  find(roomId) {
    return this.#rooms.get(roomId);
  }

  /** @param {string} roomId */
  forget(roomId) {
    this.#rooms.delete(roomId);
  }

  /** @param {string} stream */
  ofStream(stream) {
    return [...this.#rooms.values()].find((room) => room.conversationOf(stream) !== null);
  }

  /** @param {string} stream */
  conversationOf(stream) {
    return this.conversations.find((conversation) => conversation.stream === stream);
  }

  /** @returns {Conversation[]} */
  get conversations() {
    return [...this.#rooms.values()].flatMap((room) => room.conversations);
  }

  /** Fetch what could not be fetched yet. */
  loadMissing() {
    for (const room of this.#rooms.values()) if (!room.room) void this.#load(room);
  }

  /** There is a line again: fetch what could not be fetched. Who came, went and read meanwhile was told to nobody here. */
  connected() {
    for (const room of this.#rooms.values()) room.isOutdated = room.room !== null;
    this.loadMissing();
  }

  /** The list was fetched: the room used last learns who is there and who has read, the others when they are used. */
  listed() {
    this.loadMissing();
    const last = [...this.#rooms.values()].at(-1);
    if (last) void this.#refreshHints(last);
  }

  /** What is held may never have happened: fetch it again when `loadMissing` is called. */
  distrust() {
    for (const room of this.#rooms.values()) room.room = null;
  }

  clear() {
    this.#rooms.clear();
  }

  /** @param {OpenRoom} room */
  async #refreshHints(room) {
    if (!room.isOutdated) return;
    try {
      await room.refreshHints();
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
    }
  }

  /** @param {OpenRoom} room */
  async #load(room) {
    try {
      await room.load();
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      if (error.code === 'not_found') this.#onGone(room.roomId);
      // Without a line the next hello loads what is missing; after any other failure it is tried again.
      else if (!isLineLost(error)) setTimeout(() => this.loadMissing(), RETRY_MS);
    }
  }
}
