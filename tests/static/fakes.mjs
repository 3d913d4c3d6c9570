/** Time, sockets and storage that a test moves by hand. */

export class FakeTimers {
  #now = 1_000_000;
  #next = 1;
  #waiting = new Map();

  now = () => this.#now;

  set = (action, delayMs) => {
    const id = this.#next++;
    this.#waiting.set(id, { action, at: this.#now + delayMs });
    return id;
  };

  clear = (id) => this.#waiting.delete(id);

  get delays() {
    return [...this.#waiting.values()].map(({ at }) => at - this.#now).sort((one, other) => one - other);
  }

  /** Let time pass: timers fire in order, and what they start by promises is let run in between. */
  async pass(ms) {
    const until = this.#now + ms;
    for (;;) {
      await settled();
      const due = [...this.#waiting].filter(([, { at }]) => at <= until).sort(([, one], [, other]) => one.at - other.at)[0];
      if (!due) break;
      this.#waiting.delete(due[0]);
      this.#now = Math.max(this.#now, due[1].at);
      due[1].action();
    }
    this.#now = until;
    await settled();
  }
}

/** Everything that only waits for promises has run. */
export function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}

export class FakeSocket {
  sent = [];
  onmessage = null;
  onclose = null;
  isClosed = false;

  send(data) {
    this.sent.push(JSON.parse(data));
  }

  close() {
    this.isClosed = true;
  }

  say(frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  hello(extra = {}) {
    this.say({ type: 'hello', protocol: 1, epoch: 'epoch-1', heartbeat_seconds: 25, limits: { subscriptions: 200 }, ...extra });
  }

  /** Answer the newest command of this name. */
  answer(command, result) {
    const { ref } = this.sent.findLast((frame) => frame.command === command);
    this.say({ type: 'reply', ref, result });
  }

  lose(code = 1006) {
    this.onclose?.({ code });
  }
}

export class FakeStorage {
  #values = new Map();

  get length() {
    return this.#values.size;
  }

  key(index) {
    return [...this.#values.keys()][index] ?? null;
  }

  getItem(key) {
    return this.#values.get(key) ?? null;
  }

  setItem(key, value) {
    this.#values.set(key, String(value));
  }

  removeItem(key) {
    this.#values.delete(key);
  }
}

/** A promise that the test settles itself. */
export function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}
