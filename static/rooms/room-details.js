import { build, fill, say } from '../elements/build.js';
import { ask } from '../elements/dialogs.js';
import { textField } from '../elements/fields.js';
import { icon } from '../elements/icon.js';
import { Listening } from '../elements/listening.js';
import { Repaint } from '../elements/repaint.js';
import { FileListPanel } from '../files/file-list-panel.js';
import { go } from '../route.js';
import { words } from '../words/english.js';
import { InvitationPanel } from './invitation-panel.js';
import { MemberList } from './member-list.js';

/**
 * @import { Workroom } from '../workroom.js'
 * @import { OpenRoom } from './open-room.js'
 */

/** What a room is, who is in it, and its files; and what may be changed about it. */
export class RoomDetails extends HTMLElement {
  #listening = new Listening();
  #repaint = new Repaint(() => this.#draw());
  #name = build('p', { class: 'details-name', dir: 'auto' });
  #facts = build('p', { class: 'quiet', dir: 'auto' });
  /** Archives and opens again: one button, which has the focus after either. */
  #archive = button('', () => (this.#open.room?.archived_at ? this.#askReopen() : this.#askArchive()));
  #close = build('button', { type: 'button', class: 'icon-button', 'aria-label': words.close }, icon('close'));
  #files = build('div', {});
  #members;
  #workroom;
  #open;

  /**
   * @param {Workroom} workroom
   * @param {OpenRoom} open
   * @param {boolean} isNotes Whether the internal notes are shown beside it.
   */
  constructor(workroom, open, isNotes) {
    super();
    this.#workroom = workroom;
    this.#open = open;
    this.#members = new MemberList(workroom, open);
    this.show(isNotes);
  }

  connectedCallback() {
    this.#close.addEventListener('click', () => this.dispatchEvent(new CustomEvent('close-details', { bubbles: true })));
    fill(
      this,
      build(
        'aside',
        { class: 'details', 'aria-label': words.details.title },
        build('header', { class: 'details-header' }, build('h2', {}, words.details.title), this.#close),
        build('div', { class: 'details-body' }, this.#name, this.#facts, this.#members.element, this.#files, this.#invitations(), this.#deeds()),
      ),
    );
    this.#listening.to(this.#open, 'change', this.#repaint.request);
    this.#listening.to(this.#workroom.people, 'change', this.#repaint.request);
    this.#draw();
  }

  disconnectedCallback() {
    this.#listening.end();
    this.#repaint.stop();
  }

  /** @param {boolean} isNotes Whose files are listed: those of the internal notes, or of the conversation. */
  show(isNotes) {
    const conversation = (isNotes && this.#open.staff) || this.#open.shared;
    fill(this.#files, new FileListPanel(this.#workroom, this.#open, conversation));
  }

  focusFirst() {
    this.#close.focus();
  }

  #draw() {
    const { room } = this.#open;
    if (!room) return;
    say(this.#name, room.name);
    say(this.#facts, [words.roomKinds[room.kind], ...room.customers.map(({ name }) => name)].join(' · '));
    this.#members.draw();
    say(this.#archive, room.archived_at ? words.details.reopen : words.details.archive);
  }

  #invitations() {
    return this.#workroom.may('invite') ? new InvitationPanel(this.#workroom, this.#open.roomId) : null;
  }

  #deeds() {
    return build(
      'div',
      { class: 'details-deeds' },
      this.#workroom.may('rename_room') && button(words.details.rename, () => this.#askName()),
      this.#workroom.may('archive_room') && this.#archive,
      button(words.details.leave, () => this.#askLeave(), true),
    );
  }

  #askName() {
    const { name = '' } = this.#open.room ?? {};
    ask({
      title: words.details.renameTitle,
      fields: [textField(words.details.renameLabel, { name: 'name', maxlength: 120, value: name })],
      submit: words.details.renameSubmit,
      act: (answers) => this.#record('rename_room', { name: String(answers.get('name')).trim() }),
    });
  }

  #askArchive() {
    ask({
      title: words.details.archiveTitle,
      lead: words.details.archiveLead,
      submit: words.details.archive,
      act: () => this.#record('archive_room'),
    });
  }

  #askReopen() {
    ask({ title: words.details.reopen, submit: words.details.reopen, act: () => this.#record('reopen_room') });
  }

  #askLeave() {
    ask({
      title: words.details.leaveTitle,
      lead: words.details.leaveLead,
      submit: words.details.leave,
      isGrave: true,
      act: async () => {
        await this.#record('leave_room');
        go('#/');
      },
    });
  }

  /**
   * @param {string} command
   * @param {Record<string, unknown>} [fields]
   */
  async #record(command, fields = {}) {
    await this.#workroom.record(command, { room_id: this.#open.roomId, ...fields });
  }
}

/**
 * @param {string} name
 * @param {() => void} act
 * @param {boolean} [isGrave]
 */
function button(name, act, isGrave = false) {
  return build('button', { type: 'button', class: isGrave ? 'button grave' : 'button', onclick: act }, name);
}

customElements.define('room-details', RoomDetails);
