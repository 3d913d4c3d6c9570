import { build, fill, say } from '../elements/build.js';
import { choiceField } from '../elements/fields.js';
import { KeyedList } from '../elements/keyed-list.js';
import { Listening } from '../elements/listening.js';
import { Repaint } from '../elements/repaint.js';
import { words } from '../words/english.js';
import { sentenceForCode } from '../words/sentences.js';
import { pictureFrom } from './conversation-files.js';
import { LightBox } from './light-box.js';
import { ListedFileLine } from './listed-file-line.js';
import { RoomFiles } from './room-files.js';

/**
 * @import { Workroom } from '../workroom.js'
 * @import { FileKind, ListedFile, Person } from '../connection/protocol-shapes.js'
 * @import { Conversation } from '../messages/conversation.js'
 * @import { OpenRoom } from '../rooms/open-room.js'
 */

const PAUSE_MS = 250;

/** The files of a conversation, newest first: by kind, by what their names contain, page by page. */
export class FileListPanel extends HTMLElement {
  #listening = new Listening();
  #repaint = new Repaint(() => this.#draw());
  #list = build('ul', { class: 'file-list' });
  #none = build('p', { class: 'quiet', role: 'status' });
  #more = build('button', { type: 'button', class: 'button small wide' }, words.files.more);
  #kind = choiceField(words.files.filterKind, { name: 'kind' }, [['', words.files.anyKind], ...Object.entries(words.files.kinds)]);
  #name = build('input', { class: 'input small', type: 'search', 'aria-label': words.files.filterName, placeholder: words.files.filterName });
  #filters = build('form', { class: 'file-filters' }, this.#kind, this.#name);
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  /** @type {LightBox|null} */
  #box = null;
  #lines;
  #files;
  #workroom;
  #open;
  #conversation;

  /**
   * @param {Workroom} workroom
   * @param {OpenRoom} open
   * @param {Conversation} conversation One of the room's.
   */
  constructor(workroom, open, conversation) {
    super();
    this.#workroom = workroom;
    this.#open = open;
    this.#conversation = conversation;
    const learn = (/** @type {Person[]} */ people) => workroom.people.learn(people);
    this.#files = new RoomFiles(conversation.stream, (command, fields) => workroom.send(command, fields), learn);
    this.#lines = new KeyedList(
      this.#list,
      (/** @type {ListedFile} */ file) => file.file_id,
      () => new ListedFileLine(({ author_id }) => workroom.people.nameOf(author_id) ?? words.somebody),
    );
  }

  connectedCallback() {
    const title = this.#conversation.isInternal ? words.files.notesList : words.files.list;
    fill(this, build('section', { class: 'details-section' }, build('header', {}, build('h3', {}, title)), this.#filters, this.#list, this.#none, this.#more));
    const to = this.#listening;
    to.to(this.#files, 'change', this.#repaint.request);
    to.to(this.#workroom, 'room-events', ({ detail: { stream, events } }) => {
      if (stream === this.#files.stream) this.#files.receive(events);
    });
    to.to(this.#workroom, 'phase', () => this.#lineChanged());
    to.to(this.#open, 'opened', () => void this.#files.load());
    to.to(this.#filters, 'submit', (event) => event.preventDefault());
    to.to(this.#filters, 'change', () => this.#search());
    to.to(this.#name, 'input', () => this.#searchSoon());
    to.to(this.#more, 'click', () => void this.#loadMore());
    to.to(this.#list, 'click', ({ target }) => this.#clicked(target));
    this.#draw();
    void this.#files.load();
  }

  disconnectedCallback() {
    this.#listening.end();
    this.#repaint.stop();
    clearTimeout(this.#timer);
    this.#box?.close();
  }

  #draw() {
    const { files, hasMore, isLoaded, problem, filter } = this.#files;
    const isFiltered = filter.kind !== '' || filter.name !== '';
    this.#lines.show(files);
    this.#more.hidden = !hasMore;
    // An empty room needs no filters.
    this.#filters.hidden = !isFiltered && files.length === 0;
    const none = isFiltered ? words.files.noneFound : words.files.none;
    const text = isLoaded ? none : words.loading;
    say(this.#none, problem && !problem.retry ? sentenceForCode(problem.code, problem.params) : files.length === 0 ? text : '');
    this.#none.hidden = this.#none.textContent === '';
  }

  /** What could not be fetched is, now that the line is there; what was, is kept up to date by events. */
  #lineChanged() {
    const isMissing = !this.#files.isLoaded || this.#files.problem !== null;
    if (this.#workroom.connection.phase === 'open' && isMissing) void this.#files.load();
  }

  #searchSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#search(), PAUSE_MS);
  }

  #search() {
    clearTimeout(this.#timer);
    const answers = new FormData(this.#filters);
    const kind = /** @type {FileKind|''} */ (String(answers.get('kind') ?? ''));
    const name = this.#name.value.trim();
    const { filter } = this.#files;
    if (kind !== filter.kind || name !== filter.name) void this.#files.search({ kind, name });
  }

  async #loadMore() {
    const known = this.#list.childElementCount;
    this.#more.disabled = true;
    await this.#files.loadMore();
    this.#more.disabled = false;
    this.#repaint.now();
    const first = this.#list.children[known]?.querySelector('a, button');
    if (first instanceof HTMLElement) first.focus();
  }

  /** @param {Element} target */
  #clicked(target) {
    const chosen = target.closest('[data-picture], [data-message]');
    if (!(chosen instanceof HTMLElement)) return;
    const { picture, message, seq } = chosen.dataset;
    if (picture) this.#box = new LightBox(() => this.#pictures(), picture, this.#files);
    if (message) this.dispatchEvent(new CustomEvent('show-message', { bubbles: true, detail: { messageId: message, seq: Number(seq) } }));
  }

  #pictures() {
    return this.#files.files
      .filter(({ kind, preview, state }) => kind === 'picture' && preview && state === 'ready')
      .map((file) => ({ file, from: pictureFrom(this.#workroom, file.author_id, file.sent_at) }));
  }
}

customElements.define('file-list-panel', FileListPanel);
