/**
 * The head of a page beside the list of rooms: the way back (on narrow screens), a title, and what can be done.
 *
 * @import { Child } from './build.js'
 */
import { words } from '../words/english.js';
import { build } from './build.js';
import { icon } from './icon.js';

/**
 * @param {string} [label]
 * @returns {HTMLElement} The way back to the list, which a wide screen does not show.
 */
export function backLink(label = words.back) {
  return build('a', { class: 'icon-button back-link', href: '#/', 'aria-label': label }, icon('back'));
}

/**
 * @param {string} title
 * @param {string} lead
 * @param {...Child} actions
 */
export function pageHeader(title, lead, ...actions) {
  return build(
    'header',
    { class: 'page-header' },
    backLink(),
    build('div', { class: 'page-titles' }, build('h1', {}, title), build('p', { class: 'quiet' }, lead)),
    build('div', { class: 'page-actions' }, ...actions),
  );
}
