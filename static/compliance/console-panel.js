/**
 * The side of the console: where an officer can go, and how much asks for one.
 *
 * @import { Workroom } from '../workroom.js'
 * @import { Alarm, Hold } from './shapes.js'
 */
import { CommandError } from '../connection/command-error.js';
import { request } from '../connection/http.js';
import { avatar } from '../elements/avatar.js';
import { build, fill, mark } from '../elements/build.js';
import { icon } from '../elements/icon.js';
import { Listening } from '../elements/listening.js';
import { parseRoute } from '../route.js';
import { words } from '../words/english.js';
import { complianceWords } from '../words/english-compliance.js';
import { addresses, door } from './addresses.js';

const LOOK_MS = 30_000;

const PLACES = /** @type {const} */ ([
  ['overview', 'desk'],
  ['matters', 'lock'],
  ['rooms', 'room'],
  ['retention', 'clock'],
  ['audit', 'trail'],
]);

export class ConsolePanel extends HTMLElement {
  #listening = new Listening();
  #places = build('ul', { class: 'places console-places' });
  #me = build('a', { class: 'me', href: '#/settings' });
  /** @type {ReturnType<typeof setInterval>|undefined} */
  #timer;
  #asking = 0;
  #workroom;

  /** @param {Workroom} workroom */
  constructor(workroom) {
    super();
    this.#workroom = workroom;
  }

  connectedCallback() {
    fill(
      this,
      build(
        'nav',
        { class: 'sidebar', 'aria-label': complianceWords.places.label },
        build('header', { class: 'sidebar-header' }, build('span', { class: 'product' }, words.product), this.#me),
        this.#places,
      ),
    );
    this.#listening.to(window, 'hashchange', () => {
      this.#draw();
      void this.#look();
    });
    this.#listening.to(this.#workroom, 'account', () => this.#draw());
    this.#listening.to(document, 'visibilitychange', () => void this.#look());
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    this.#draw();
    void this.#look();
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
    this.#listening.end();
  }

  /** Alarms, and releases that another officer asked for: what waits for this one. */
  async #look() {
    if (document.visibilityState !== 'visible') return;
    try {
      const [{ alarms }, { holds }] = await Promise.all([
        request('GET', door('alarms')),
        request('GET', door('holds', { state: 'release_requested' })),
      ]);
      const own = this.#workroom.account.account_id;
      const raised = alarms.filter((/** @type {Alarm} */ { cleared_at }) => !cleared_at);
      const waiting = holds.filter((/** @type {Hold} */ { release }) => release?.requested_by !== own);
      const asking = raised.length + waiting.length;
      // Drawn anew, a link would lose the focus.
      if (asking === this.#asking) return;
      this.#asking = asking;
      this.#draw();
    } catch (error) {
      // The pages say what is wrong with the line; the count is as it was.
      if (!(error instanceof CommandError)) throw error;
    }
  }

  #draw() {
    const { account } = this.#workroom;
    const route = parseRoute(location.hash);
    const here = placeOf(route.page === 'settings' ? null : (route.path ?? []));
    fill(
      this.#me,
      avatar(account.account_id, account.display_name),
      build('span', { class: 'me-name' }, account.display_name),
      build('span', { class: 'unseen' }, ` (${words.settings.title})`),
    );
    mark(this.#me, 'aria-current', route.page === 'settings' && 'page');
    const links = PLACES.map(([name, drawing]) => {
      const current = name === here && 'page';
      const link = build('a', { class: 'place', href: addresses[name], 'aria-current': current }, icon(drawing), complianceWords.places[name]);
      if (name === 'overview' && this.#asking > 0) link.append(countOf(this.#asking));
      return build('li', {}, link);
    });
    fill(this.#places, ...links);
  }
}

/** @param {number} count */
function countOf(count) {
  const spoken = build('span', { class: 'unseen' }, ` ${complianceWords.places.asking(count)}`);
  return build('span', { class: 'count' }, build('span', { 'aria-hidden': 'true' }, String(count)), spoken);
}

/** @param {string[]|null} path */
function placeOf(path) {
  if (path === null) return null;
  const [first = 'overview'] = path;
  return { holds: 'matters', messages: 'rooms' }[first] ?? first;
}

customElements.define('console-panel', ConsolePanel);
