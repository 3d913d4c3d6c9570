/**
 * @import { Workroom } from '../workroom.js'
 * @import { OpenRoom } from './open-room.js'
 * @import { Person } from '../connection/protocol-shapes.js'
 */
import { avatar } from '../elements/avatar.js';
import { build, say } from '../elements/build.js';
import { ask } from '../elements/dialogs.js';
import { checkField, choiceField } from '../elements/fields.js';
import { icon } from '../elements/icon.js';
import { KeyedList } from '../elements/keyed-list.js';
import { words } from '../words/english.js';
import { sentenceFor } from '../words/sentences.js';
import { isOnline } from './room-state.js';

/** @typedef {{member: Person, isHere: boolean}} ShownMember */

/** The members of a room, who is there, and, for the provider's people, adding and removing. */
export class MemberList {
  #list = build('ul', { class: 'members' });
  #heading = build('h3', {}, words.details.members);
  #problem = build('p', { class: 'problem', role: 'alert' });
  element;
  #entries;
  #workroom;
  #open;

  /**
   * @param {Workroom} workroom
   * @param {OpenRoom} open
   */
  constructor(workroom, open) {
    this.#workroom = workroom;
    this.#open = open;
    this.#entries = new KeyedList(
      this.#list,
      (/** @type {ShownMember} */ { member }) => member.account_id,
      ({ member }) => this.#create(member),
    );
    const add = workroom.may('manage_members') && build('button', { type: 'button', class: 'icon-button', 'aria-label': words.details.addMember }, icon('plus'));
    if (add) add.addEventListener('click', () => void this.#fetchPeople());
    this.element = build('section', { class: 'details-section' }, build('header', {}, this.#heading, add), this.#problem, this.#list);
  }

  draw() {
    const { room } = this.#open;
    if (!room) return;
    say(this.#heading, `${words.details.members} (${room.members.length})`);
    const shown = room.members.map((member) => ({ member, isHere: isOnline(room, member.account_id) }));
    this.#entries.show(shown.sort((one, other) => Number(other.isHere) - Number(one.isHere) || byName(one.member, other.member)));
  }

  /** @param {Person} member */
  #create(member) {
    const name = member.display_name ?? words.somebody;
    const title = build('span', { class: 'member-name', dir: 'auto' });
    const side = build('span', { class: 'quiet', dir: 'auto' });
    const state = build('span', { class: 'presence' });
    const isOwn = member.account_id === this.#workroom.account.account_id;
    const remove = this.#workroom.may('manage_members') && !isOwn && this.#removeButton(member);
    const element = build(
      'li',
      { class: 'member' },
      avatar(member.account_id, name),
      build('span', { class: 'member-text' }, title, side),
      state,
      remove,
    );
    const update = (/** @type {ShownMember} */ shown) => {
      const { kind, customer_name } = shown.member;
      say(title, shown.member.display_name ?? words.somebody);
      say(side, (kind === 'customer' ? customer_name : words.kinds[kind]) ?? '');
      say(state, shown.isHere ? words.details.here : words.details.away);
      element.classList.toggle('is-here', shown.isHere);
    };
    return { element, update };
  }

  /** @param {Person} member */
  #removeButton(member) {
    const label = words.details.remove(member.display_name);
    const button = build('button', { type: 'button', class: 'icon-button small', 'aria-label': label, title: label }, icon('close'));
    button.addEventListener('click', () =>
      ask({
        title: words.details.removeTitle(member.display_name),
        lead: words.details.removeLead,
        submit: words.details.removeShort,
        isGrave: true,
        act: () => this.#workroom.record('remove_member', { room_id: this.#open.roomId, account_id: member.account_id }),
      }),
    );
    return button;
  }

  async #fetchPeople() {
    say(this.#problem, '');
    try {
      this.#askWhom((await this.#workroom.send('list_people', { room_id: this.#open.roomId })).accounts);
    } catch (error) {
      say(this.#problem, sentenceFor(error));
    }
  }

  /** @param {Person[]} accounts */
  #askWhom(accounts) {
    const there = new Set(this.#open.room?.members.map((member) => member.account_id));
    const others = accounts
      .filter((person) => !there.has(person.account_id) && !person.deactivated)
      .sort(byName)
      .map(({ account_id, display_name, kind, customer_name }) => /** @type {const} */ ([
        account_id,
        `${display_name} (${kind === 'customer' ? customer_name : words.kinds[kind]})`,
      ]));
    const person = choiceField(words.details.addPerson, { name: 'account_id' }, others);
    ask({
      title: words.details.addTitle,
      lead: others.length === 0 ? words.details.addNobody : undefined,
      fields: others.length === 0 ? [] : [person, checkField(words.details.history, { name: 'history' })],
      submit: words.details.addSubmit,
      act: async (answers) => {
        if (others.length === 0) return;
        await this.#workroom.record('add_member', {
          room_id: this.#open.roomId,
          account_id: String(answers.get('account_id')),
          grants_history: answers.get('history') !== null,
        });
      },
    });
  }
}

/**
 * @param {Person} one
 * @param {Person} other
 */
function byName(one, other) {
  return (one.display_name ?? '').localeCompare(other.display_name ?? '');
}
