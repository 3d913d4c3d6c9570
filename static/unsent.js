/**
 * What an account wrote in this browser and the service does not have yet: drafts, the outbox, the uploads. All of it lies
 * under the account's own id, so that nobody else who signs in here sees it or sends it.
 *
 * @import { OutboxListener } from './connection/outbox.js'
 */
import { Drafts } from './connection/drafts.js';
import { Outbox } from './connection/outbox.js';
import { postsWithFiles, uploadsOf } from './files/posts-with-files.js';

export class Unsent {
  /**
   * @param {string} accountId
   * @param {(command: string, fields: Record<string, unknown>) => Promise<any>} send
   * @param {OutboxListener} listener
   */
  constructor(accountId, send, listener) {
    this.drafts = new Drafts(localStorage, accountId);
    this.uploads = uploadsOf(accountId);
    const needs = postsWithFiles(this.uploads);
    this.outbox = new Outbox({ accountId, storage: localStorage, send, needs, listener });
    this.uploads.addEventListener('change', () => this.outbox.advance());
  }

  /** Send no more of it. It stays in this browser, for the next time the account is here. */
  end() {
    this.outbox.end();
    this.uploads.end();
  }

  /** Leave nothing of it in this browser. */
  clear() {
    this.outbox.clear();
    this.uploads.clear();
    this.drafts.clear();
  }

  /**
   * Another tab of this browser wrote, sent or threw away something, or went on with an upload.
   *
   * @param {StorageEvent} event
   */
  storageChanged(event) {
    this.uploads.storageChanged(event);
    this.outbox.storageChanged(event);
  }
}
