/**
 * Where the outbox and the uploads meet: a post names its uploads, waits until they are whole, and then names their files.
 *
 * @import { Needs } from '../connection/needs.js'
 */
import { FileKeeper } from './file-keeper.js';
import { Thumbnails } from './thumbnails.js';
import { TusClient } from './tus-client.js';
import { exchange } from './tus-exchange.js';
import { Uploads } from './uploads.js';

/**
 * @param {string} accountId
 * @returns {Uploads} Those of this browser.
 */
export function uploadsOf(accountId) {
  return new Uploads({
    accountId,
    storage: localStorage,
    keeper: new FileKeeper(accountId),
    client: new TusClient(exchange),
    thumbnails: new Thumbnails(),
  });
}

/**
 * @param {Uploads} uploads
 * @returns {Needs}
 */
export function postsWithFiles(uploads) {
  return {
    readinessOf: ({ fields }) => uploads.readinessOf(fields.uploads ?? []),
    fieldsOf: ({ fields: { uploads: ids, ...fields } }) => (ids ? { ...fields, files: uploads.filesOf(ids) } : fields),
    mend: ({ fields }, { code }) => uploads.doubt(fields.uploads ?? [], code),
    release: ({ fields: { uploads: ids = [] } }, isDone) => {
      if (isDone) uploads.claimed(ids);
      else for (const id of ids) uploads.cancel(id);
    },
  };
}
