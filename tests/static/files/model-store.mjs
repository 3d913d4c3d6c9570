/**
 * The service's side of tus in miniature: what it has of each upload, what it was asked, and failures that a test orders.
 */
import { CommandError } from '../../../static/connection/command-error.js';

export class ModelStore {
  uploads = new Map();
  asked = [];
  #next = 1;
  #failures = [];

  /** The next request that fits is answered by this status instead; `takes`: so many bytes of a PATCH count before. */
  fail(method, status, { error, takes = 0 } = {}) {
    this.#failures.push({ method, status, error, takes });
  }

  offsets(method = 'PATCH') {
    return this.asked.filter((request) => request.method === method).map(({ offset }) => offset);
  }

  exchange = async ({ method, path, headers, body, onProgress, signal }) => {
    await null;
    const id = path.split('/')[3];
    const offset = Number(headers['Upload-Offset'] ?? NaN);
    this.asked.push({ method, id, offset, length: body?.size ?? 0 });
    if (signal?.aborted) throw signal.reason;
    const failure = this.#failures.find((one) => one.method === method);
    if (failure) {
      this.#failures.splice(this.#failures.indexOf(failure), 1);
      const upload = this.uploads.get(id);
      if (upload && failure.takes) upload.offset += failure.takes;
      if (failure.status === 0) throw new CommandError('not_connected', { retry: true });
      return answer(failure.status, {}, failure.error);
    }
    return this.#answer({ method, id, offset, headers, body, onProgress });
  };

  #answer({ method, id, offset, headers, body, onProgress }) {
    if (method === 'POST') {
      const created = `file-${this.#next++}`;
      this.uploads.set(created, { offset: 0, length: Number(headers['Upload-Length']), metadata: headers['Upload-Metadata'] });
      return answer(201, { Location: `/api/uploads/${created}`, 'Upload-Offset': '0' });
    }
    const upload = this.uploads.get(id);
    if (!upload) return answer(404);
    if (method === 'DELETE') {
      this.uploads.delete(id);
      return answer(204);
    }
    if (method === 'PATCH') {
      if (offset !== upload.offset) return answer(409, {}, { code: 'offset_mismatch', retry: false, params: { offset: upload.offset } });
      onProgress?.(body.size);
      upload.offset += body.size;
    }
    return answer(method === 'HEAD' ? 200 : 204, { 'Upload-Offset': String(upload.offset) });
  }
}

export function answer(status, headers = {}, error = null) {
  return { status, header: (name) => headers[name] ?? null, text: error ? JSON.stringify({ error: { message: '', params: {}, ...error } }) : '' };
}

/** A file of so many bytes. */
export function file(size, name = 'report.pdf', lastModified = 5) {
  return new File([new Uint8Array(size)], name, { lastModified });
}

/** Keeps files as the browser's database does. */
export class FakeKeeper {
  files = new Map();

  async keep(id, content) {
    this.files.set(id, content);
  }

  async find(id) {
    return this.files.get(id) ?? null;
  }

  async forget(id) {
    this.files.delete(id);
  }

  async forgetOthers(isWanted) {
    for (const id of this.files.keys()) if (!isWanted(id)) this.files.delete(id);
  }

  async clear() {
    this.files.clear();
  }
}

/** No pictures are made here. */
export const NO_THUMBNAILS = { make: async () => null, find: () => undefined, rename: () => {}, release: () => {}, clear: () => {} };
