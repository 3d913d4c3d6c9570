/**
 * Placing a hold, or widening one, in three steps: what, limits, reason. Beside all of them stands what it would cover now.
 *
 * @import { Hold } from './shapes.js'
 * @import { HoldDraft } from './hold-draft.js'
 */
import { request } from '../connection/http.js';
import { build, fill, say } from '../elements/build.js';
import { go } from '../route.js';
import { complianceWords } from '../words/english-compliance.js';
import { sentenceFor } from '../words/sentences.js';
import { addresses, door } from './addresses.js';
import { ConsolePage } from './console-page.js';
import { draftFor, forgetDraft } from './hold-draft.js';
import { limitsStep, reasonStep, scopeStep } from './hold-steps.js';
import { LiveCount } from './live-count.js';

export class HoldWizard extends ConsolePage {
  #steps = build('ol', { class: 'steps' });
  #form = build('form', { class: 'form wizard-form', novalidate: true });
  #problem = build('p', { class: 'problem', role: 'alert' });
  /** @type {LiveCount|null} */
  #count = null;
  /** @type {HoldDraft|null} */
  #draft = null;
  #matterId;
  #holdId;
  #roomId;

  /** @param {{matterId?: string, holdId?: string, roomId?: string}} about */
  constructor({ matterId = '', holdId = '', roomId = '' }) {
    super();
    this.#matterId = matterId;
    this.#holdId = holdId;
    this.#roomId = roomId;
  }

  /**
   * @param {string} matterId
   * @param {string} roomId Chosen already, or empty.
   */
  static forMatter(matterId, roomId) {
    return new HoldWizard({ matterId, roomId });
  }

  /** @param {string} holdId */
  static forHold(holdId) {
    return new HoldWizard({ holdId });
  }

  /** @override */
  draw() {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#goOn();
    });
  }

  /** @override */
  disconnectedCallback() {
    super.disconnectedCallback();
    this.#count?.stop();
  }

  /** @override */
  async fetch() {
    const { wizard } = complianceWords;
    const { matter_name, hold } = this.#holdId ? await this.#fetchHold() : await this.#fetchMatter();
    this.#draft = draftFor(this.#key, hold);
    if (this.#roomId) await this.#chooseRoom(this.#draft);
    this.#count = new LiveCount(hold ? wizard.countAmended : wizard.count);
    this.showHead(hold ? wizard.amendTitle : wizard.title, wizard.lead(matter_name));
    this.showBody(build('div', { class: 'wizard' }, build('div', { class: 'wizard-main' }, this.#steps, this.#form), this.#count.element));
    this.#showStep(this.#draft.step);
    this.#recount();
  }

  get #key() {
    return this.#holdId || this.#matterId;
  }

  /** @returns {Promise<{matter_name: string, hold: Hold}>} */
  async #fetchHold() {
    const { hold } = await request('GET', door(`holds/${this.#holdId}`));
    return { matter_name: hold.matter_name, hold };
  }

  /** @returns {Promise<{matter_name: string, hold: null}>} */
  async #fetchMatter() {
    const { matter } = await request('GET', door(`matters/${this.#matterId}`));
    return { matter_name: matter.name, hold: null };
  }

  /** @param {HoldDraft} draft */
  async #chooseRoom(draft) {
    const { room } = await request('GET', door(`rooms/${this.#roomId}`));
    draft.rooms.set(room.room_id, room.name);
  }

  #recount = () => {
    const draft = /** @type {HoldDraft} */ (this.#draft);
    const isCounted = !draft.isEmpty && !draft.isBackwards && draft.kinds.size > 0;
    this.#count?.count(isCounted ? draft.whole : null);
  };

  /** @param {number} step */
  #showStep(step) {
    const { wizard } = complianceWords;
    const draft = /** @type {HoldDraft} */ (this.#draft);
    const isFirst = this.#form.childElementCount === 0;
    draft.step = step;
    say(this.#problem, '');
    fill(this.#steps, ...wizard.steps.map((name, at) => build('li', { 'aria-current': at === step && 'step' }, name)));
    const last = step === wizard.steps.length - 1;
    const submit = draft.base ? wizard.amendSubmit : wizard.submit;
    const previous = build('button', { type: 'button', class: 'button', onclick: () => this.#showStep(step - 1) }, wizard.previous);
    const heading = build('h2', { tabindex: -1 }, [wizard.scopeTitle, wizard.limitsTitle, wizard.reasonTitle][step]);
    fill(
      this.#form,
      heading,
      ...[scopeStep, limitsStep, reasonStep][step](draft, this.#recount),
      this.#problem,
      build(
        'div',
        { class: 'form-actions' },
        step > 0 && previous,
        build('button', { type: 'submit', class: 'button primary' }, last ? submit : wizard.next),
      ),
    );
    if (!isFirst) heading.focus();
  }

  async #goOn() {
    const draft = /** @type {HoldDraft} */ (this.#draft);
    const missing = whatIsMissing(draft);
    if (missing) return say(this.#problem, missing);
    if (draft.step < complianceWords.wizard.steps.length - 1) return this.#showStep(draft.step + 1);
    const button = this.#form.querySelector('button[type=submit]');
    button?.setAttribute('disabled', '');
    try {
      const { hold } = await this.#place(draft);
      forgetDraft(this.#key);
      go(addresses.hold(hold.hold_id));
    } catch (error) {
      say(this.#problem, sentenceFor(error));
      button?.removeAttribute('disabled');
    }
  }

  /** @param {HoldDraft} draft */
  #place(draft) {
    const body = { ...draft.added, reason: draft.reason.trim() };
    if (this.#holdId) return request('POST', door(`holds/${this.#holdId}/amend`), body);
    return request('POST', door('holds'), { ...body, matter_id: this.#matterId });
  }
}

/**
 * @param {HoldDraft} draft
 * @returns {string|null} What keeps the step from being left, in words.
 */
function whatIsMissing(draft) {
  const { wizard } = complianceWords;
  if (draft.step === 0 && draft.isEmpty) return wizard.countNothing;
  if (draft.step === 1 && draft.kinds.size === 0) return wizard.kindsMissing;
  if (draft.step === 1 && draft.isBackwards) return wizard.spanBackwards;
  if (draft.step === 2 && draft.reason.trim() === '') return complianceWords.reasonMissing;
  return null;
}

customElements.define('hold-wizard', HoldWizard);
