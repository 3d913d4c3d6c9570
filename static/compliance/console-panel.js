/**
 * The side of the console: where an officer can go, and how much asks for one.
 *
 * @import { Workroom } from '../workroom.js'
 */
import { avatar } from '../elements/avatar.js';
import { build, fill, mark } from '../elements/build.js';
import { icon } from '../elements/icon.js';
import { Listening } from '../elements/listening.js';
import { parseRoute } from '../route.js';
import { words } from '../words/english.js';
import { complianceWords } from '../words/english-compliance.js';
import { addresses } from './addresses.js';

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
    this.#listening.to(window, 'hashchange', () => this.#draw());
    this.#listening.to(this.#workroom, 'account', () => this.#draw());
    this.#draw();
  }

  disconnectedCallback() {
    this.#listening.end();
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
      return build('li', {}, link);
    });
    fill(this.#places, ...links);
  }
}

/** @param {string[]|null} path */
function placeOf(path) {
  if (path === null) return null;
  const [first = 'overview'] = path;
  return first === 'holds' ? 'matters' : first;
}

customElements.define('console-panel', ConsolePanel);
