/**
 * A server in miniature: one stream with messages, its events, pages as they stand today, and what the account's line in
 * the list of rooms says. The reducers are held against it: old state + events = state fetched afresh.
 */

export const PEOPLE = ['anna', 'ben', 'cleo'];

export class ModelRoom {
  seq = 0;
  events = [];
  messages = [];
  readSeq = 0;
  everMentioned = new Set();
  name = 'Room';
  #random;

  /**
   * @param {() => number} random
   * @param {string[]} [more] Further kinds of steps: `expire`, `expire one`.
   */
  constructor(random, more = []) {
    this.#random = random;
    this.more = more;
  }

  pick(list) {
    return list[Math.floor(this.#random() * list.length)];
  }

  step() {
    const usual = ['post', 'post', 'post', 'edit', 'delete', 'react', 'react', 'unreact', 'rename', 'find'];
    const kind = this.pick([...usual, ...this.more]);
    const standing = this.messages.filter((message) => !message.deleted_at);
    const message = this.pick(standing);
    if (kind === 'post' || !message) return this.post();
    if (kind === 'edit') return this.edit(message);
    if (kind === 'delete') return this.delete(message);
    if (kind === 'rename') return this.rename();
    if (kind === 'expire') return this.expire(message.seq);
    if (kind === 'expire one') return this.expire(message.seq, message.seq);
    if (kind === 'find') return this.findOut(message);
    return this.react(message, kind === 'react');
  }

  post(author = this.pick(PEOPLE)) {
    const mentions = this.#random() < 0.2 ? ['anna'] : [];
    const quoted = this.#random() < 0.3 ? (this.pick(this.messages)?.message_id ?? null) : null;
    const files = this.#random() < 0.3 ? [this.file(0), this.file(1)] : [];
    const event = this.record('message_posted', author, { text: `text ${this.seq}`, mentions, reply_to: quoted });
    event.message_id = `m${event.seq}`;
    if (files.length > 0) event.files = structuredClone(files);
    if (mentions.length > 0) this.everMentioned.add(event.message_id);
    this.messages.push({
      message_id: event.message_id,
      seq: event.seq,
      author_id: author,
      text: event.text,
      mentions,
      reply_to: quoted,
      sent_at: event.at,
      revision: 1,
      edited_at: null,
      deleted_at: null,
      deleted_by: null,
      reactions: [],
      files,
    });
    return event;
  }

  file(position) {
    const name = `${position}.${this.pick(['png', 'pdf'])}`;
    return { file_id: `f${this.seq + 1}-${position}`, name, byte_size: 9, type: 'image/png', kind: 'picture', state: 'checking' };
  }

  /** A scan, or a preview, of one of its files is done. */
  findOut(message) {
    const file = this.pick(message.files);
    if (!file) return this.post();
    if (file.state === 'checking') file.state = this.pick(['ready', 'ready', 'infected']);
    else Object.assign(file, { width: 3, height: 2, preview: { width: 3, height: 2 } });
    const event = this.record('file_changed', message.author_id, { file: structuredClone(file) });
    return Object.assign(event, { message_id: message.message_id, subject_seq: message.seq });
  }

  edit(message) {
    const revision = message.revision + 1;
    const mentions = this.#random() < 0.2 ? ['anna'] : [];
    if (mentions.length > 0) this.everMentioned.add(message.message_id);
    const event = this.record('message_edited', message.author_id, { text: `edit ${this.seq}`, mentions, revision });
    Object.assign(event, { message_id: message.message_id, subject_seq: message.seq });
    Object.assign(message, { text: event.text, mentions, revision, edited_at: event.at });
    return event;
  }

  delete(message) {
    const event = this.record('message_deleted', message.author_id, {
      message_id: message.message_id,
      subject_seq: message.seq,
    });
    const gone = { text: '', mentions: [], reactions: [], files: [], deleted_at: event.at, deleted_by: event.actor_id };
    Object.assign(message, gone);
    return event;
  }

  react(message, adds) {
    const emoji = this.pick(['👍', '🎉']);
    const who = this.pick(PEOPLE);
    const standing = message.reactions.find((reaction) => reaction.emoji === emoji);
    if (adds === Boolean(standing?.account_ids.includes(who))) return this.post();
    const event = this.record(adds ? 'reaction_added' : 'reaction_removed', who, { emoji, account_id: who });
    Object.assign(event, { message_id: message.message_id, subject_seq: message.seq });
    if (adds && standing) standing.account_ids.push(who);
    else if (adds) message.reactions.push({ emoji, account_ids: [who] });
    else {
      standing.account_ids = standing.account_ids.filter((id) => id !== who);
      message.reactions = message.reactions.filter((reaction) => reaction.account_ids.length > 0);
    }
    return event;
  }

  /** Everything up to a number has come to its end; a few younger ones with a shorter end go alone. */
  expire(lastSeq, firstSeq = 1) {
    const event = this.record('messages_expired', 'nobody', { first_seq: firstSeq, last_seq: lastSeq });
    if (firstSeq === 1) event.expired_before = event.at;
    this.messages = this.messages.filter(({ seq }) => seq < firstSeq || seq > lastSeq);
    return event;
  }

  rename() {
    this.name = `Room ${this.seq}`;
    return this.record('room_renamed', 'anna', { name: this.name });
  }

  record(kind, actor, fields) {
    this.seq += 1;
    const at = new Date(Date.UTC(2026, 0, 1) + this.seq * 1_000).toISOString();
    const event = { seq: this.seq, kind, actor_id: actor, at, ...fields };
    this.events.push(event);
    return event;
  }

  page({ before = Infinity, after = null, limit = 10 } = {}) {
    const all = structuredClone(this.messages);
    const chosen =
      after === null ? all.filter(({ seq }) => seq < before).slice(-limit) : all.filter(({ seq }) => seq > after).slice(0, limit);
    const ids = new Set(chosen.map((message) => message.reply_to));
    return {
      messages: chosen,
      quoted: all.filter((message) => ids.has(message.message_id)),
      more_before: all.length > 0 && chosen.length > 0 && all[0].seq < chosen[0].seq,
      more_after: all.length > 0 && chosen.length > 0 && all.at(-1).seq > chosen.at(-1).seq,
      seq: this.seq,
    };
  }

  /** What the list of rooms says of this room to anna. */
  line() {
    const unread = this.messages.filter((one) => one.seq > this.readSeq && one.author_id !== 'anna' && !one.deleted_at);
    const last = this.messages.at(-1);
    return {
      room_id: 'room',
      kind: 'private',
      name: this.name,
      archived_at: null,
      customers: [],
      stream: 'stream',
      seq: this.seq,
      unread: Math.min(100, unread.length),
      mentioned: unread.some((message) => this.everMentioned.has(message.message_id)),
      read_seq: this.readSeq,
      last_message: last
        ? {
            message_id: last.message_id,
            author_id: last.author_id,
            author_name: last.author_id,
            text: last.text,
            sent_at: last.sent_at,
            deleted: Boolean(last.deleted_at),
            file_count: last.files.length,
          }
        : null,
      member_count: 3,
      online: [],
    };
  }
}

/** The same numbers for the same seed. */
export function seeded(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}
