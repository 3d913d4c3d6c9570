/**
 * The service's side of tus in miniature: what it has of each upload, what it was asked, and failures that a test orders.
 */
import { CommandError } from '../../../static/connection/command-error.js';

export class ModelStore {
  uploads = new Map();
  asked = [];
  #next = 1;
  #failures = [];

  /** What is begun is told only when this promise is there. */
  telling = Promise.resolve();

  /**
   * The next request that fits is answered by this status instead; `takes`: so many bytes of a PATCH count before;
   * `begins`: a POST counts before.
   */
  fail(method, status, { error, takes = 0, begins = false } = {}) {
    this.#failures.push({ method, status, error, takes, begins });
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
      if (failure.begins) this.#begin(headers);
      if (failure.status === 0) throw new CommandError('not_connected', { retry: true });
      return answer(failure.status, {}, failure.error);
    }
    const said = this.#answer({ method, id, offset, headers, body, onProgress });
    if (method === 'POST') await this.telling;
    if (signal?.aborted) throw signal.reason;
    return said;
  };

  /** The same words begin one upload. */
  #begin(headers) {
    const metadata = headers['Upload-Metadata'];
    const known = metadata.includes('client_upload_id') && [...this.uploads].find(([, upload]) => upload.metadata === metadata);
    if (known) return known[0];
    const created = `file-${this.#next++}`;
    this.uploads.set(created, { offset: 0, length: Number(headers['Upload-Length']), metadata });
    return created;
  }

  #answer({ method, id, offset, headers, body, onProgress }) {
    if (method === 'POST') {
      const begun = this.#begin(headers);
      return answer(201, { Location: `/api/uploads/${begun}`, 'Upload-Offset': String(this.uploads.get(begun).offset) });
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
