/**
 * One message as compliance sees it: every version with who and when, what was deleted, files, reactions, and what keeps it
 * and until when.
 *
 * @import { Explanation, OpenedFile, OpenedMessage as Opened, OpenedVersion } from './shapes.js'
 */
import { request } from '../connection/http.js';
import { build, fill, say } from '../elements/build.js';
import { askForLabel } from '../messages/label-dialog.js';
import { complianceWords } from '../words/english-compliance.js';
import { sentenceFor } from '../words/sentences.js';
import { door } from './addresses.js';
import { explanationParts } from './explanation.js';
import { byteSize, instantOf, NameBook, timeElement } from './figures.js';

export class OpenedMessage {
  element = build('li', { class: 'opened-message' });
  #message;
  #explanation;
  #names;
  #entryNumber;
  #explained = build('div', {});
  #badges = build('span', { class: 'badges' });
  #expired = build('p', { class: 'gone' });

  /**
   * @param {Opened} message
   * @param {Explanation|null} explanation Null where it went meanwhile.
   * @param {NameBook} names
   * @param {number} entryNumber The audit entry of the opening: with it, and only with it, files can be fetched.
   */
  constructor(message, explanation, names, entryNumber) {
    this.#message = message;
    this.#explanation = explanation;
    this.#names = names;
    this.#entryNumber = entryNumber;
    this.#draw();
  }

  #draw() {
    const { opening } = complianceWords;
    const message = this.#message;
    fill(
      this.element,
      build(
        'p',
        { class: 'opened-head' },
        build('strong', { dir: 'auto' }, this.#names.personLong(message.author_id)),
        ' ',
        timeElement(message.sent_at),
        this.#badges,
      ),
      message.deleted_at && build('p', { class: 'gone' }, opening.deleted(this.#names.person(message.deleted_by), instantOf(message.deleted_at))),
      this.#expired,
      message.versions.length === 0 && build('p', { class: 'gone' }, opening.textDestroyed),
      ...message.versions.map((version, at) => this.#version(version, at === message.versions.length - 1)),
      message.files.length > 0 && build('ul', { class: 'lines opened-files' }, ...message.files.map((file) => this.#file(file))),
      this.#reactions(),
      build(
        'details',
        {},
        build('summary', {}, opening.explain),
        this.#explained,
        build('button', { type: 'button', class: 'button small', onclick: () => void this.#askLabel() }, opening.label),
      ),
    );
    this.#showExplanation(this.#names);
  }

  /** @param {NameBook} names Of the holds. */
  #showExplanation(names) {
    const { opening } = complianceWords;
    const { due_at: dueAt = null, state = 'shown', holds = [], classes = [] } = this.#explanation ?? {};
    const label = classes.find(({ source }) => source === 'label');
    fill(
      this.#badges,
      this.#message.stream === 'staff' && build('span', { class: 'badge note' }, opening.note),
      holds.length > 0 && build('span', { class: 'badge hold-standing' }, opening.held(holds.length)),
      label && build('span', { class: 'badge', dir: 'auto' }, label.name),
    );
    // What was emptied, or is gone, is nothing that members could see, whenever the rest of it is due.
    this.#expired.hidden = !dueAt || ['shown', 'emptied', 'gone'].includes(state);
    say(this.#expired, dueAt ? opening.expired(instantOf(dueAt)) : '');
    const fileNames = new Map(this.#message.files.map(({ file_id, name }) => [file_id, name ?? opening.fileDestroyed]));
    fill(this.#explained, ...(this.#explanation ? explanationParts(this.#explanation, names, fileNames) : []));
  }

  /**
   * @param {OpenedVersion} version
   * @param {boolean} isLast
   */
  #version({ revision, text, author_id, recorded_at }, isLast) {
    const { opening } = complianceWords;
    const count = this.#message.versions.length;
    const said = [opening.version(revision), this.#names.person(author_id), instantOf(recorded_at), isLast && opening.current].filter(Boolean);
    return build(
      'div',
      { class: isLast ? 'version' : 'version is-former' },
      count > 1 && build('p', { class: 'quiet' }, said.join(' · ')),
      build('p', { class: 'text', dir: 'auto' }, text),
    );
  }

  /** @param {OpenedFile} file */
  #file({ file_id, name, byte_size, scan_state }) {
    const { opening } = complianceWords;
    if (name === null || byte_size === null) return build('li', { class: 'gone' }, opening.fileDestroyed);
    const about = build('span', { class: 'quiet' }, ` ${byteSize(byte_size)}`);
    if (scan_state === 'infected') return build('li', {}, build('span', { dir: 'auto' }, name), about, ` · ${opening.infected}`);
    const href = door(`openings/${this.#entryNumber}/files/${file_id}`);
    return build('li', {}, build('a', { href, download: name, dir: 'auto', 'aria-label': opening.download(name) }, name), about);
  }

  #reactions() {
    const { reactions } = this.#message;
    if (reactions.length === 0) return null;
    const said = reactions.map(({ emoji, account_id, removed_at }) => {
      const gone = removed_at ? ` (${complianceWords.opening.removedReaction(instantOf(removed_at))})` : '';
      return `${emoji} ${this.#names.person(account_id)}${gone}`;
    });
    return build('p', { class: 'quiet' }, said.join(', '));
  }

  async #askLabel() {
    await askForLabel(this.#message, () => void this.#explainAnew());
  }

  /** What was labelled is kept by other rules from now on. */
  async #explainAnew() {
    try {
      const { explanation, names } = await request('GET', door(`explanations/${this.#message.message_id}`));
      this.#explanation = explanation;
      this.#showExplanation(new NameBook(names));
    } catch (error) {
      fill(this.#explained, build('p', { class: 'problem', role: 'alert' }, sentenceFor(error)));
    }
  }
}
