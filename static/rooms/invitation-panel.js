import { CommandError } from '../connection/command-error.js';
import { build, fill, say } from '../elements/build.js';
import { ask, showLink } from '../elements/dialogs.js';
import { checkField, choiceField } from '../elements/fields.js';
import { icon } from '../elements/icon.js';
import { wholeDate } from '../words/dates.js';
import { words } from '../words/english.js';
import { sentenceFor } from '../words/sentences.js';

/**
 * @import { Workroom } from '../workroom.js'
 * @import { Invitation } from '../connection/protocol-shapes.js'
 */

/** The links by which somebody can still join a room: making one, and taking one back. */
export class InvitationPanel extends HTMLElement {
  #list = build('ul', { class: 'invitations' });
  #invite = build('button', { type: 'button', class: 'icon-button', 'aria-label': words.details.invite }, icon('plus'));
  #problem = build('p', { class: 'problem', role: 'alert' });
  #workroom;
  #roomId;

  /**
   * @param {Workroom} workroom
   * @param {string} roomId
   */
  constructor(workroom, roomId) {
    super();
    this.#workroom = workroom;
    this.#roomId = roomId;
  }

  connectedCallback() {
    this.#invite.addEventListener('click', () => this.#askTerms());
    fill(
      this,
      build(
        'section',
        { class: 'details-section' },
        build('header', {}, build('h3', {}, words.details.invitations), this.#invite),
        this.#list,
        this.#problem,
      ),
    );
    void this.#fetch();
  }

  async #fetch() {
    try {
      const { invitations } = await this.#workroom.send('list_invitations', { room_id: this.#roomId });
      const lines = invitations.map((/** @type {Invitation} */ invitation) => this.#line(invitation));
      fill(this.#list, ...(lines.length > 0 ? lines : [build('li', { class: 'quiet' }, words.details.noInvitations)]));
      say(this.#problem, '');
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      // Without a line the panel stays as it is; the banner says why.
      if (!error.retry) say(this.#problem, sentenceFor(error));
    }
  }

  /** @param {Invitation} invitation */
  #line({ invitation_id, created_by, grants_history, expires_at }) {
    const until = words.details.inviteUntil(wholeDate(expires_at));
    const by = this.#workroom.people.nameOf(created_by) ?? words.somebody;
    const text = [by, until, grants_history && words.details.inviteHistory].filter(Boolean).join(', ');
    const revoke = build('button', { type: 'button', class: 'button small' }, words.details.revoke);
    revoke.setAttribute('aria-label', `${words.details.revoke}: ${text}`);
    revoke.addEventListener('click', () => void this.#revoke(invitation_id, revoke));
    return build('li', { class: 'invitation' }, build('span', {}, text), revoke);
  }

  /**
   * @param {string} invitationId
   * @param {HTMLButtonElement} revoke
   */
  async #revoke(invitationId, revoke) {
    const place = this.#revokeButtons.indexOf(revoke);
    revoke.disabled = true;
    try {
      await this.#workroom.send('revoke_invitation', { invitation_id: invitationId });
    } catch (error) {
      say(this.#problem, sentenceFor(error));
    }
    await this.#fetch();
    revoke.disabled = false;
    // The focus went with the line, unless it was taken elsewhere meanwhile.
    if (document.activeElement === document.body) (this.#revokeButtons.slice(0, place + 1).at(-1) ?? this.#invite).focus();
  }

  get #revokeButtons() {
    return [...this.#list.querySelectorAll('button')];
  }

  #askTerms() {
    const hours = /** @type {[string, string][]} */ (Object.entries(words.details.inviteHours));
    ask({
      title: words.details.inviteTitle,
      lead: words.details.inviteLead,
      fields: [
        choiceField(words.details.inviteExpires, { name: 'hours' }, hours, '72'),
        checkField(words.details.history, { name: 'history' }),
      ],
      submit: words.details.inviteSubmit,
      act: async (answers, dialog) => {
        const { token } = await this.#workroom.send('create_invitation', {
          room_id: this.#roomId,
          grants_history: answers.get('history') !== null,
          expires_in_hours: Number(answers.get('hours')),
        });
        void this.#fetch();
        showLink(dialog, words.details.inviteReady, `${location.origin}/invitation#token=${encodeURIComponent(token)}`);
      },
    });
  }
}

customElements.define('invitation-panel', InvitationPanel);
