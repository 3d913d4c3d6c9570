/**
 * What the pages of the console have in common: a head, a body, words on what went wrong, and looking again by itself
 * while somebody sees the page.
 *
 * @import { Child } from '../elements/build.js'
 */
import { build, fill, say } from '../elements/build.js';
import { Listening } from '../elements/listening.js';
import { words } from '../words/english.js';
import { complianceWords } from '../words/english-compliance.js';
import { sentenceFor } from '../words/sentences.js';
import { backLink } from '../elements/page-header.js';
import { CommandError } from '../connection/command-error.js';

const REST_FACTOR = 10;

export class ConsolePage extends HTMLElement {
  listening = new Listening();
  #problem = build('p', { class: 'problem', role: 'alert' });
  #loading = build('p', { class: 'quiet', role: 'status' }, words.loading);
  #titles = build('div', { class: 'page-titles' });
  #actions = build('div', { class: 'page-actions' });
  #body = build('div', { class: 'page-body console-body' }, this.#problem, this.#loading);
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  #everyMs;

  /** @param {number} [everyMs] How often to look again; 0 for never. */
  constructor(everyMs = 0) {
    super();
    this.#everyMs = everyMs;
  }

  connectedCallback() {
    fill(
      this,
      build('header', { class: 'page-header' }, backLink(complianceWords.home), this.#titles, this.#actions),
      this.#body,
    );
    this.listening.to(document, 'visibilitychange', () => {
      if (document.visibilityState === 'visible' && this.#everyMs > 0) void this.look();
    });
    this.draw();
    void this.look();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    this.listening.end();
  }

  /** Put up what needs no answer of the service. For subclasses. */
  draw() {}

  /**
   * Fetch and show. For subclasses.
   *
   * @returns {Promise<void>}
   */
  async fetch() {}

  /**
   * @param {string} title
   * @param {Child} lead
   * @param {...Child} actions
   */
  showHead(title, lead, ...actions) {
    fill(this.#titles, build('h1', { dir: 'auto' }, title), build('p', { class: 'quiet' }, lead));
    fill(this.#actions, ...actions);
  }

  /** @param {...Child} children */
  showBody(...children) {
    fill(this.#body, this.#problem, this.#loading, ...children);
  }

  /**
   * Do what a button asks for, and say so where it fails.
   *
   * @param {() => Promise<void>} deed
   */
  async attempt(deed) {
    try {
      await deed();
      say(this.#problem, '');
    } catch (error) {
      say(this.#problem, sentenceFor(error));
    }
  }

  /** Look now, and again after the page's own time. */
  async look() {
    clearTimeout(this.#timer);
    const began = performance.now();
    try {
      await this.fetch();
      this.#loading.hidden = true;
      say(this.#problem, '');
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#loading.hidden = true;
      say(this.#problem, sentenceFor(error));
    }
    // Counting a large hold takes the service seconds: a page that only looks leaves it time for others.
    this.lookIn(this.#everyMs && Math.max(this.#everyMs, REST_FACTOR * (performance.now() - began)));
  }

  /** What is shown changes no more: look no more. */
  settle() {
    this.#everyMs = 0;
  }

  /**
   * @param {number} ms 0 for never. A page that nobody sees does not ask.
   */
  lookIn(ms) {
    clearTimeout(this.#timer);
    if (ms === 0 || !this.isConnected || document.visibilityState !== 'visible') return;
    this.#timer = setTimeout(() => void this.look(), ms);
  }
}

/**
 * A link that looks like a button.
 *
 * @param {string} href
 * @param {string} label
 * @param {boolean} [isPrimary]
 */
export function linkButton(href, label, isPrimary = false) {
  return build('a', { class: isPrimary ? 'button primary' : 'button', href }, label);
}

/**
 * A part of a page under a heading of its own.
 *
 * @param {string} title
 * @param {...Child} children
 */
export function section(title, ...children) {
  return build('section', { class: 'console-section' }, build('h2', {}, title), ...children);
}

/**
 * @param {string} title
 * @param {string} lead
 */
export function blank(title, lead) {
  return build('div', { class: 'blank' }, build('p', { class: 'blank-title' }, title), build('p', { class: 'quiet' }, lead));
}

/**
 * Names and what they stand for.
 *
 * @param {(readonly [string, Child]|false)[]} pairs
 */
export function facts(...pairs) {
  const rows = pairs.flatMap((pair) => (pair ? [build('div', {}, build('dt', {}, pair[0]), build('dd', {}, pair[1]))] : []));
  return build('dl', { class: 'facts' }, ...rows);
}
