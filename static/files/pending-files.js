/**
 * The files of a message that waits for them, each where it will stand once it is posted.
 *
 * @import { OutboxEntry } from '../connection/outbox-entries.js'
 * @import { Upload } from './upload.js'
 * @import { Uploads } from './uploads.js'
 */
import { build } from '../elements/build.js';
import { KeyedList } from '../elements/keyed-list.js';
import { LARGE, SMALL } from './picture-box.js';
import { UploadCard } from './upload-card.js';

export class PendingFiles {
  element = build('div', { class: 'attachments' });
  /** @type {Map<string, Upload>} Also those that a message has by now: they stay in sight until it is here. */
  #known = new Map();
  #cards;
  #uploads;

  /**
   * @param {Uploads} uploads
   * @param {(uploadId: string) => void} onRemove
   */
  constructor(uploads, onRemove) {
    this.#uploads = uploads;
    this.#cards = new KeyedList(
      this.element,
      (/** @type {Upload} */ upload) => upload.id,
      (upload) => {
        const most = this.#pictures > 1 ? SMALL : LARGE;
        const card = new UploadCard(upload, uploads, { onRemove: () => onRemove(upload.id), most });
        return { element: build('div', { class: 'attachment' }, card), update: () => {} };
      },
    );
  }

  /** @param {OutboxEntry} entry */
  show({ fields }) {
    /** @type {string[]} */
    const ids = fields.uploads ?? [];
    for (const upload of this.#uploads.listOf(ids)) this.#known.set(upload.id, upload);
    this.#cards.show(ids.flatMap((id) => this.#known.get(id) ?? []));
  }

  get #pictures() {
    return [...this.#known.values()].filter(({ record }) => record.picture_size).length;
  }
}
