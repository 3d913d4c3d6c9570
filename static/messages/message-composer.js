import { build, fill, mark, say } from '../elements/build.js';
import { icon } from '../elements/icon.js';
import { Listening } from '../elements/listening.js';
import { chooseFiles } from '../files/choose-files.js';
import { pastedFiles } from '../files/dragged-files.js';
import { UploadTray } from '../files/upload-tray.js';
import { clockTime } from '../words/dates.js';
import { words } from '../words/english.js';
import { mentionedIn } from './mentions.js';
import { MentionSuggestions } from './mention-suggestions.js';
import { summaryOf } from './message-summary.js';
import { textToEdit } from './unsaved-changes.js';

/**
 * @import { Workroom } from '../workroom.js'
 * @import { OpenRoom } from '../rooms/open-room.js'
 * @import { Message } from '../connection/protocol-shapes.js'
 * @import { Conversation } from './conversation.js'
 */

const MOST_CHARACTERS = 20_000;
const WARN_CHARACTERS = 500;
const TYPING_MS = 3_000;

/**
 * Where one writes: grows with the text, keeps a draft, takes files, answers and edits, suggests whom to mention. Enter
 * sends, Shift+Enter begins a line, Up in an empty field edits the last message, Escape stops what was begun.
 */
export class MessageComposer extends HTMLElement {
  #listening = new Listening();
  #field = build('textarea', { class: 'composer-field', rows: 1, dir: 'auto', enterkeyhint: breaksLines() ? 'enter' : 'send' });
  #send = build('button', { type: 'submit', class: 'send-button' });
  #attach = iconButton('clip', words.files.add);
  #camera = iconButton('camera', words.files.camera);
  #context = build('div', { class: 'composer-context' });
  #left = build('p', { class: 'composer-left', role: 'status' });
  #closed = build('p', { class: 'composer-closed' }, words.room.archived);
  /** @type {HTMLFormElement} */
  #form;
  /** @type {Message|null} */
  #editing = null;
  /** @type {Message|null} */
  #replyTo = null;
  #typedAt = 0;
  #suggestions;
  #tray;
  #workroom;
  #open;
  #conversation;

  /**
   * @param {Workroom} workroom
   * @param {OpenRoom} open
   * @param {Conversation} conversation
   */
  constructor(workroom, open, conversation) {
    super();
    this.#workroom = workroom;
    this.#open = open;
    this.#conversation = conversation;
    this.#suggestions = new MentionSuggestions(this.#field, () => this.#mentionable());
    this.#tray = new UploadTray(workroom.uploads, conversation.stream);
    const row = build('div', { class: 'composer-row' }, this.#attach, this.#camera, this.#field, this.#send);
    this.#form = build('form', { class: 'composer' }, this.#context, this.#suggestions.element, this.#tray, row, this.#left);
  }

  connectedCallback() {
    const { isInternal, stream } = this.#conversation;
    mark(this.#field, 'aria-label', isInternal ? words.composer.notesLabel : words.composer.label);
    this.#field.placeholder = isInternal ? words.composer.notesPlaceholder : words.composer.placeholder;
    this.#field.title = words.composer.hint;
    this.#field.value = this.#workroom.drafts.read(stream);
    fill(this, this.#form, this.#closed);
    this.#listening.to(this.#form, 'submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#listening.to(this.#field, 'input', () => this.#typed());
    this.#listening.to(this.#field, 'keydown', (event) => this.#key(event));
    this.#listening.to(this.#field, 'paste', (event) => this.#paste(event));
    this.#listening.to(this.#attach, 'click', () => void this.#choose());
    this.#listening.to(this.#camera, 'click', () => void this.#choose({ takesPicture: true }));
    this.#listening.to(this.#workroom.uploads, 'change', () => this.#drawSend());
    this.#listening.to(this, 'tray-empty', () => this.focus());
    this.#listening.to(this.#open, 'change', () => this.#drawClosed());
    this.#drawContext();
    this.#drawClosed();
    this.#grow();
  }

  disconnectedCallback() {
    this.#listening.end();
  }

  /** @override */
  focus() {
    this.#field.focus({ preventScroll: true });
  }

  /**
   * Put files to the message that is being written; they are on their way from now on.
   *
   * @param {readonly File[]} files
   * @param {boolean} [hasFolders] Whether there were folders among them.
   */
  addFiles(files, hasFolders = false) {
    const { uploads } = this.#workroom;
    const left = uploads.add(this.#conversation.stream, files);
    const problems = [hasFolders && words.files.noFolders, left > 0 && words.files.tooMany(uploads.mostFiles, left)];
    this.#tray.say(problems.filter(Boolean).join(' '));
    this.focus();
  }

  /** @param {Message} message */
  reply(message) {
    this.#stop();
    this.#replyTo = message;
    this.#drawContext();
    this.#grow();
    this.focus();
  }

  /** @param {Message} message */
  edit(message) {
    this.#stop();
    this.#editing = message;
    this.#field.value = textToEdit(this.#conversation.changes, message);
    this.#drawContext();
    this.#grow();
    this.focus();
    this.#field.setSelectionRange(this.#field.value.length, this.#field.value.length);
  }

  #submit() {
    const text = this.#field.value.trim();
    if (this.#send.disabled) return;
    if (!this.#editing && this.#drafts.some(({ state }) => state === 'failed' || state === 'missing')) {
      return this.#tray.showProblem();
    }
    const mentions = mentionedIn(text, this.#mentionable());
    const replyTo = this.#replyTo?.message_id ?? null;
    const editing = this.#editing;
    this.#stop();
    if (!editing) {
      this.#field.value = '';
      this.#workroom.drafts.keep(this.#conversation.stream, '');
      this.#tray.say('');
      const uploads = this.#workroom.uploads.takeDrafts(this.#conversation.stream);
      this.#conversation.post(text, { replyTo, mentions, uploads });
      this.dispatchEvent(new CustomEvent('posted', { bubbles: true }));
    } else this.#conversation.edit(editing, text, mentions);
    this.#grow();
    this.#typedAt = 0;
  }

  #typed() {
    if (!this.#editing) this.#workroom.drafts.keep(this.#conversation.stream, this.#field.value);
    this.#grow();
    this.#suggestions.update();
    if (!this.#field.value || Date.now() - this.#typedAt < TYPING_MS) return;
    this.#typedAt = Date.now();
    // A hint that is lost is no loss.
    this.#workroom.send('typing', { stream: this.#conversation.stream }).catch(() => {});
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing || this.#suggestions.key(event)) return;
    const isEmpty = this.#field.value === '';
    if (event.key === 'Enter' && !event.shiftKey && !breaksLines()) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === 'ArrowUp' && isEmpty && !this.#editing) {
      event.preventDefault();
      this.dispatchEvent(new CustomEvent('edit-last', { bubbles: true }));
    } else if (event.key === 'Escape') {
      event.preventDefault();
      if (this.#editing || this.#replyTo) this.#cancel();
      else this.dispatchEvent(new CustomEvent('leave-composer', { bubbles: true }));
    }
  }

  /** @param {{takesPicture?: boolean}} [options] */
  async #choose(options) {
    const files = await chooseFiles(options);
    if (files.length > 0 && this.isConnected) this.addFiles(files);
  }

  /** @param {ClipboardEvent} event */
  #paste(event) {
    const files = pastedFiles(event.clipboardData, (at) => words.files.pasted(clockTime(at.toISOString()).replace(/\W+/g, '.')));
    if (files.length === 0) return;
    event.preventDefault();
    this.addFiles(files);
  }

  #cancel() {
    this.#stop();
    this.#grow();
    this.focus();
  }

  /** Of an edit nothing is left in the field then, but what was there before. */
  #stop() {
    if (this.#editing) this.#field.value = this.#workroom.drafts.read(this.#conversation.stream);
    this.#editing = null;
    this.#replyTo = null;
    this.#suggestions.close();
    this.#drawContext();
  }

  #drawContext() {
    const { isInternal } = this.#conversation;
    const label = this.#editing ? words.composer.save : isInternal ? words.composer.addNote : words.composer.send;
    mark(this.#send, 'aria-label', label);
    this.#send.title = label;
    fill(this.#send, isInternal && !this.#editing ? words.composer.addNote : icon('send'));
    this.classList.toggle('is-editing', Boolean(this.#editing));
    this.#tray.hidden = Boolean(this.#editing);
    this.#context.hidden = !this.#editing && !this.#replyTo;
    if (this.#context.hidden) return fill(this.#context);
    const author = this.#workroom.people.nameOf(this.#replyTo?.author_id ?? '') ?? words.somebody;
    const title = this.#editing ? words.composer.editing : words.composer.replying(author);
    const cancel = this.#editing ? words.composer.cancelEdit : words.composer.cancelReply;
    const button = build('button', { type: 'button', class: 'icon-button', 'aria-label': cancel, title: cancel }, icon('close'));
    button.addEventListener('click', () => this.#cancel());
    const quoted = this.#replyTo && build('span', { class: 'quote-text', dir: 'auto' }, summaryOf(this.#replyTo).slice(0, 200));
    fill(this.#context, build('div', { class: 'composer-context-text' }, build('strong', {}, title), quoted), button);
  }

  #drawClosed() {
    const room = this.#open.room ?? this.#workroom.roomList.find(this.#open.roomId);
    const isClosed = Boolean(room?.archived_at);
    this.#form.hidden = isClosed;
    this.#closed.hidden = !isClosed;
  }

  #grow() {
    this.#field.style.height = 'auto';
    this.#field.style.height = `${this.#field.scrollHeight + 2}px`;
    const left = MOST_CHARACTERS - [...this.#field.value.trim()].length;
    say(this.#left, left < WARN_CHARACTERS ? words.composer.left(left) : '');
    this.#drawSend();
  }

  /** There is something to send: words, or files; an edit has words. */
  #drawSend() {
    const length = [...this.#field.value.trim()].length;
    const isEmpty = length === 0 && (this.#editing !== null || this.#drafts.length === 0);
    this.#send.disabled = isEmpty || length > MOST_CHARACTERS;
  }

  get #drafts() {
    return this.#workroom.uploads.draftsOf(this.#conversation.stream);
  }

  #mentionable() {
    const { account } = this.#workroom;
    const members = this.#open.room?.members ?? [];
    const isFor = this.#conversation.isInternal ? (/** @type {string} */ kind) => kind !== 'customer' : () => true;
    return members.filter((member) => member.account_id !== account.account_id && member.display_name && isFor(member.kind));
  }
}

/**
 * @param {string} drawing
 * @param {string} label
 */
function iconButton(drawing, label) {
  const className = `icon-button composer-${drawing}`;
  return build('button', { type: 'button', class: className, 'aria-label': label, title: label }, icon(drawing));
}

/** On a screen keyboard Enter begins a new line, as everywhere there: the button sends. */
function breaksLines() {
  return matchMedia('(hover: none) and (pointer: coarse)').matches;
}

customElements.define('message-composer', MessageComposer);
