/**
 * What a conversation does with files besides drawing them: takes what is dropped onto it, and shows its pictures large.
 *
 * @import { Workroom } from '../workroom.js'
 * @import { OpenRoom } from '../rooms/open-room.js'
 * @import { Conversation } from '../messages/conversation.js'
 * @import { ShownPicture } from './light-box.js'
 */
import { Listening } from '../elements/listening.js';
import { clockTime, dayName } from '../words/dates.js';
import { words } from '../words/english.js';
import { DropZone } from './drop-zone.js';
import { LightBox } from './light-box.js';

export class ConversationFiles {
  /** @type {LightBox|null} */
  #box = null;
  #listening = new Listening();
  #zone;
  #workroom;
  #conversation;

  /**
   * @param {Workroom} workroom
   * @param {OpenRoom} open
   * @param {Conversation} conversation
   * @param {(files: File[], hasFolders: boolean) => void} onFiles
   */
  constructor(workroom, open, conversation, onFiles) {
    this.#workroom = workroom;
    this.#conversation = conversation;
    const label = () => {
      // What can be written to already can be dropped onto, though it is still being fetched.
      const room = open.room ?? workroom.roomList.find(open.roomId);
      return !room || room.archived_at ? null : words.files.drop(room.name);
    };
    this.#zone = new DropZone(label, onFiles);
    this.element = this.#zone.element;
  }

  /** @param {HTMLElement} view */
  begin(view) {
    this.#zone.begin(view);
    this.#listening.to(view, 'click', ({ target }) => this.#clicked(target));
    this.#listening.to(view, 'remove-file', ({ detail }) => this.#removeFile(detail));
  }

  end() {
    this.#zone.end();
    this.#listening.end();
    this.#box?.close();
  }

  /** @param {Element} target */
  #clicked(target) {
    const frame = target.closest('[data-picture]');
    if (!(frame instanceof HTMLElement) || !frame.dataset.picture) return;
    this.#box = new LightBox(() => this.#pictures(), frame.dataset.picture, this.#conversation);
  }

  /**
   * Take a file out of a message that waits to be sent; the message goes with its last one, where it has no words.
   *
   * @param {{clientCommandId: string, uploadId: string}} which
   */
  #removeFile({ clientCommandId, uploadId }) {
    const { outbox, uploads } = this.#workroom;
    const entry = outbox.of(this.#conversation.stream).find((one) => one.client_command_id === clientCommandId);
    if (!entry) return;
    const left = entry.fields.uploads.filter((/** @type {string} */ id) => id !== uploadId);
    if (left.length === 0 && !entry.fields.text) return outbox.discard(clientCommandId);
    uploads.cancel(uploadId);
    outbox.change(clientCommandId, { fields: { ...entry.fields, uploads: left } });
  }

  /** @returns {ShownPicture[]} Those of the stretch that is held, oldest first. */
  #pictures() {
    return this.#conversation.state.messages.flatMap(({ files, author_id, sent_at }) =>
      files
        .filter(({ kind, preview, state }) => kind === 'picture' && preview && state === 'ready')
        .map((file) => ({ file, from: pictureFrom(this.#workroom, author_id, sent_at) })),
    );
  }
}

/**
 * @param {Workroom} workroom
 * @param {string} authorId
 * @param {string} sentAt
 */
export function pictureFrom({ people, account }, authorId, sentAt) {
  const name = authorId === account.account_id ? words.you : (people.nameOf(authorId) ?? words.somebody);
  return words.files.from(name, `${dayName(sentAt)} ${clockTime(sentAt)}`);
}
