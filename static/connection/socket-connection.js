/**
 * The one line to the server: opens it, keeps it, and opens it again when it is lost. Knows frames and close codes,
 * nothing of rooms. WebSocket, time and chance are given, so that every rule here has a plain test.
 *
 * @import { Timers } from './timers.js'
 * @import { Hello } from './protocol-shapes.js'
 *
 * @typedef {'idle'|'connecting'|'open'|'waiting'|'stopped'} ConnectionPhase
 *
 * @typedef {object} ConnectionListener
 * @property {(hello: Hello) => boolean} [admits] Whether a hello is for us; else the line is closed before it counts as
 *   open, and nothing is sent on it.
 * @property {(phase: ConnectionPhase) => void} [onPhase]
 * @property {(hello: Hello) => void} [onHello]
 * @property {(frame: any) => void} [onFrame] Events and hints, in the order they came.
 * @property {(close: {code: number, name: string}) => void} [onStopped] Closed for good: nobody will connect again.
 *
 * @typedef {'signed_in'|'signed_out'|'unknown'} SessionAnswer
 */
import { BackOff } from './back-off.js';
import { closeRule } from './close-codes.js';
import { CommandError } from './command-error.js';
import { PendingCommands } from './pending-commands.js';
import { browserTimers } from './timers.js';

const HELLO_TIMEOUT_MS = 10_000;
const STABLE_AFTER_MS = 5_000;
const COMMAND_TIMEOUT_MS = 15_000;
const PROBE_TIMEOUT_MS = 8_000;
const HURRY_JITTER_MS = 500;
const FRESH_MS = 5_000;
const NO_STREAM = '00000000-0000-0000-0000-000000000000';

export class SocketConnection {
  /** @type {ConnectionPhase} */
  #phase = 'idle';
  /** @type {WebSocket|null} */
  #socket = null;
  /** @type {{code: number, reconnect: boolean, not_before_ms?: number}|null} */
  #goodbye = null;
  /** @type {Hello|null} */
  #hello = null;
  /** @type {Record<'retry'|'opening'|'stable'|'pulse', unknown>} */
  #timer = { retry: null, opening: null, stable: null, pulse: null };
  #heardAt = 0;
  #notBefore = 0;
  #probing = false;
  #openSocket;
  #listener;
  #timers;
  #random;
  #checkSession;
  #backOff;
  #pending;

  /**
   * @param {object} options
   * @param {() => WebSocket} options.openSocket
   * @param {ConnectionListener} options.listener
   * @param {Timers} [options.timers]
   * @param {() => number} [options.random]
   * @param {() => Promise<SessionAnswer>} [options.checkSession] Asked when a connection failed before its hello: the
   *   browser hides why a handshake was refused, and a refused sign-in must not be retried as a lost line.
   */
  constructor({ openSocket, listener, timers = browserTimers, random = Math.random, checkSession }) {
    this.#openSocket = openSocket;
    this.#listener = listener;
    this.#timers = timers;
    this.#random = random;
    this.#checkSession = checkSession ?? (async () => /** @type {SessionAnswer} */ ('unknown'));
    this.#backOff = new BackOff({ random });
    this.#pending = new PendingCommands(timers);
  }

  get phase() {
    return this.#phase;
  }

  get hello() {
    return this.#hello;
  }

  start() {
    if (this.#phase === 'idle' || this.#phase === 'stopped') this.#connect();
  }

  /** Close the line and leave it closed. */
  stop() {
    this.#drop();
    this.#enter('idle');
  }

  /** The network or the person came back: do not sit out a long delay, and do not trust a line that was silent. */
  hurry() {
    if (this.#phase === 'waiting') {
      this.#retryAfter(Math.max(this.#random() * HURRY_JITTER_MS, this.#notBefore - this.#timers.now()));
    } else if (this.#phase === 'open' && this.#timers.now() - this.#heardAt > FRESH_MS) {
      this.#probe();
    }
  }

  /**
   * Send a command and wait for its reply.
   *
   * @param {string} command
   * @param {Record<string, unknown>} [fields]
   * @param {{timeoutMs?: number}} [options]
   * @returns {Promise<any>} The result. Rejects with a CommandError: the server's, or `not_connected`,
   *   `connection_lost`, `timed_out`, after which it is not known whether the command was done.
   */
  async send(command, fields = {}, { timeoutMs = COMMAND_TIMEOUT_MS } = {}) {
    if (this.#phase !== 'open' || !this.#socket) throw new CommandError('not_connected', { retry: true });
    const { ref, reply } = this.#pending.expect(timeoutMs);
    this.#socket.send(JSON.stringify({ ref, command, ...fields }));
    return reply;
  }

  #connect() {
    this.#drop();
    this.#goodbye = null;
    this.#enter('connecting');
    const socket = this.#openSocket();
    this.#socket = socket;
    this.#timer.opening = this.#timers.set(() => this.#lose(1006), HELLO_TIMEOUT_MS);
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#lose(event.code);
  }

  /** @param {string} data */
  #receive(data) {
    this.#heardAt = this.#timers.now();
    const frame = JSON.parse(data);
    if (frame.type === 'reply') this.#pending.settle(frame);
    else if (frame.type === 'hello') this.#welcome(frame);
    else if (frame.type === 'goodbye') this.#goodbye = frame;
    else this.#listener.onFrame?.(frame);
  }

  /** @param {Hello} hello */
  #welcome(hello) {
    if (this.#listener.admits?.(hello) === false) return this.stop();
    this.#timers.clear(this.#timer.opening);
    this.#hello = hello;
    this.#notBefore = 0;
    this.#enter('open');
    // A server that accepts and breaks at once must not be hammered: only a line that lasts counts as a success.
    this.#timer.stable = this.#timers.set(() => this.#backOff.succeed(), STABLE_AFTER_MS);
    this.#feelPulse();
    this.#listener.onHello?.(hello);
  }

  /** The server's pings are invisible here. So where nothing was heard for two of its beats, ask something cheap. */
  #feelPulse() {
    const beatMs = (this.#hello?.heartbeat_seconds ?? 25) * 1000;
    this.#timer.pulse = this.#timers.set(() => {
      if (this.#timers.now() - this.#heardAt >= 2 * beatMs) this.#probe();
      this.#feelPulse();
    }, beatMs);
  }

  #probe() {
    if (this.#probing) return;
    this.#probing = true;
    const socket = this.#socket;
    const ended = () => {
      this.#probing = false;
    };
    this.send('unsubscribe', { streams: [NO_STREAM] }, { timeoutMs: PROBE_TIMEOUT_MS }).then(ended, (error) => {
      ended();
      // Any answer is a sign of life, a refusal too. Silence is not.
      if (error.code === 'timed_out' && socket === this.#socket) this.#lose(1006);
    });
  }

  /**
   * The line ended, or we gave it up.
   *
   * @param {number} closeCode
   */
  #lose(closeCode) {
    const neverOpened = this.#phase === 'connecting';
    const goodbye = this.#goodbye;
    this.#drop();
    const code = goodbye?.code ?? closeCode;
    const rule = closeRule(code);
    const again = goodbye ? goodbye.reconnect : rule.reconnect !== 'no';
    if (!again) return this.#halt(code);
    const notBeforeMs = goodbye?.not_before_ms ?? 0;
    this.#notBefore = this.#timers.now() + notBeforeMs;
    const atOnce = rule.reconnect === 'at_once' && this.#backOff.failures === 0;
    const delayMs = this.#backOff.nextDelayMs();
    this.#enter('waiting');
    this.#retryAfter(notBeforeMs + (atOnce ? 0 : delayMs), neverOpened || rule.reconnect === 'at_once');
  }

  /**
   * @param {number} delayMs
   * @param {boolean} [asksSession]
   */
  #retryAfter(delayMs, asksSession = true) {
    this.#timers.clear(this.#timer.retry);
    const timer = this.#timers.set(() => void this.#retry(timer, asksSession), Math.max(0, delayMs));
    this.#timer.retry = timer;
  }

  /**
   * @param {unknown} timer
   * @param {boolean} asksSession
   */
  async #retry(timer, asksSession) {
    if (asksSession && (await this.#checkSession()) === 'signed_out') {
      if (timer === this.#timer.retry) this.#halt(4010);
    } else if (timer === this.#timer.retry && this.#phase === 'waiting') {
      this.#connect();
    }
  }

  /** @param {number} code */
  #halt(code) {
    this.#drop();
    this.#enter('stopped');
    this.#listener.onStopped?.({ code, name: closeRule(code).name });
  }

  /** Let go of the socket without waiting for its close: a half-open line would keep us for minutes. */
  #drop() {
    for (const timer of Object.values(this.#timer)) this.#timers.clear(timer);
    this.#timer.retry = null;
    this.#probing = false;
    const socket = this.#socket;
    this.#socket = null;
    if (socket) {
      socket.onmessage = null;
      socket.onclose = null;
      socket.close(1000);
    }
    this.#pending.loseAll();
  }

  /** @param {ConnectionPhase} phase */
  #enter(phase) {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#listener.onPhase?.(phase);
  }
}
