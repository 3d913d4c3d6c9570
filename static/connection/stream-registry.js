/**
 * Which streams this browser listens to. After every hello it subscribes to all of them with their positions; frames of
 * events go to the stream they are of.
 *
 * @import { Hello, RoomEvent } from './protocol-shapes.js'
 * @import { StreamListener } from './room-stream.js'
 * @import { Timers } from './timers.js'
 *
 * @typedef {(command: string, fields: Record<string, unknown>) => Promise<any>} Send
 */
import { CommandError, isLineLost } from './command-error.js';
import { RoomStream } from './room-stream.js';
import { browserTimers } from './timers.js';

const RETRY_MS = 2_000;
const MOST_IN_ONE_COMMAND = 200;

export class StreamRegistry {
  /** @type {Map<string, RoomStream>} */
  #streams = new Map();
  /** @type {Map<string, StreamListener>} */
  #listeners = new Map();
  /** @type {Set<string>} Streams to subscribe to in the next command. */
  #wanted = new Set();
  /** @type {string|null} The epoch our positions are of. */
  #epoch = null;
  #connected = false;
  #limit = 200;
  #send;
  #timers;

  /**
   * @param {Send} send
   * @param {Timers} [timers]
   */
  constructor(send, timers = browserTimers) {
    this.#send = send;
    this.#timers = timers;
  }

  /**
   * Listen to a stream from a position on. Following it again changes nothing.
   *
   * @param {string} stream
   * @param {number|null} seq
   * @param {StreamListener} listener
   */
  follow(stream, seq, listener) {
    if (this.#streams.has(stream) || this.#streams.size >= this.#limit) return;
    const readSince = (/** @type {string} */ id, /** @type {number} */ from) =>
      this.#send('read_since', { stream: id, seq: from });
    this.#streams.set(stream, new RoomStream(stream, seq, readSince, listener, this.#timers));
    this.#listeners.set(stream, listener);
    this.#want([stream]);
  }

  /** @param {string} stream */
  unfollow(stream) {
    if (!this.#streams.has(stream)) return;
    this.#forget(stream);
    if (this.#connected) this.#send('unsubscribe', { streams: [stream] }).catch(() => {});
  }

  /**
   * The state behind a stream was fetched afresh and is of this number: matters only where the position was lost.
   *
   * @param {string} stream
   * @param {number} seq
   */
  restart(stream, seq) {
    const known = this.#streams.get(stream);
    if (known && known.seq === null) known.restart(seq);
  }

  /** To how many streams one line may listen. */
  get limit() {
    return this.#limit;
  }

  /** @returns {string[]} The streams that are listened to. */
  get followed() {
    return [...this.#streams.keys()];
  }

  /**
   * @param {string} stream
   * @returns {number|null|undefined} Up to where the stream was applied; undefined where it is not listened to.
   */
  positionOf(stream) {
    return this.#streams.get(stream)?.seq;
  }

  /** @param {Hello} hello */
  connected(hello) {
    const foreign = this.#epoch !== null && this.#epoch !== hello.epoch;
    this.#epoch = hello.epoch;
    this.#limit = hello.limits.subscriptions;
    this.#connected = true;
    if (foreign) for (const stream of [...this.#streams.values()]) stream.reset();
    this.#want([...this.#streams.keys()]);
  }

  disconnected() {
    this.#connected = false;
    this.#wanted.clear();
  }

  /**
   * A frame that is about one stream.
   *
   * @param {{type: string, stream: string, events?: RoomEvent[]}} frame
   */
  receive(frame) {
    if (frame.type === 'events') this.#streams.get(frame.stream)?.receive(frame.events ?? []);
    else if (frame.type === 'unsubscribed') this.#endListening(frame.stream);
  }

  /** @param {string[]} streams */
  #want(streams) {
    if (!this.#connected) return;
    if (this.#wanted.size === 0 && streams.length > 0) queueMicrotask(() => this.#subscribeToWanted());
    for (const stream of streams) this.#wanted.add(stream);
  }

  #subscribeToWanted() {
    const streams = [...this.#wanted].flatMap((stream) => this.#streams.get(stream) ?? []);
    this.#wanted.clear();
    if (!this.#connected) return;
    for (let from = 0; from < streams.length; from += MOST_IN_ONE_COMMAND) {
      void this.#subscribe(streams.slice(from, from + MOST_IN_ONE_COMMAND));
    }
  }

  /** @param {RoomStream[]} streams */
  async #subscribe(streams) {
    const positions = streams.map(({ stream, seq }) => (seq === null ? { stream } : { stream, seq }));
    try {
      const answer = await this.#send('subscribe', { streams: positions, epoch: this.#epoch });
      for (const stream of answer.refused) this.#endListening(stream);
      for (const stream of answer.reset) this.#streams.get(stream)?.reset();
      for (const { stream, seq } of answer.streams) this.#streams.get(stream)?.resume(seq);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      // Where the line is gone, the next hello subscribes to all of them again.
      if (isLineLost(error)) return;
      const again = streams.map(({ stream }) => stream).filter((stream) => this.#streams.has(stream));
      this.#timers.set(() => this.#want(again), RETRY_MS);
    }
  }

  /** @param {string} stream */
  #endListening(stream) {
    const listener = this.#listeners.get(stream);
    this.#forget(stream);
    listener?.onEnded(stream);
  }

  /** @param {string} stream */
  #forget(stream) {
    this.#streams.get(stream)?.end();
    this.#streams.delete(stream);
    this.#listeners.delete(stream);
    this.#wanted.delete(stream);
  }
}
