/**
 * Months side by side, each a pile of parts: drawn as SVG, and the same as a table for whoever would rather read.
 * Many months become quarters, very many years, so that a bar stays wide enough to be seen.
 *
 * @typedef {object} Part
 * @property {string} name A class of the style sheet, and the name of the part's number in a month.
 * @property {string} label
 *
 * @typedef {{month: string} & Record<string, number|string>} Month
 */
import { build } from '../elements/build.js';
import { complianceWords } from '../words/english-compliance.js';
import { monthOf, number } from './figures.js';

const SVG = 'http://www.w3.org/2000/svg';
const WIDE = 720;
// Drawn narrower where the window is: letters keep their size.
const NARROW = 360;
const HEIGHT = 220;
const FLOOR = 28;
const LEFT = 56;
const MOST_BARS = 60;
const LABEL_WIDTH = 64;
const STEPS = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
let count = 0;

/**
 * @param {string} title
 * @param {Month[]} months In order; those between without anything may be missing.
 * @param {Part[]} parts From the bottom of the pile upwards.
 * @param {boolean} [hasTable] Whether the table belongs to it; without, another one has to stand beside it.
 * @returns {HTMLElement}
 */
export function histogram(title, months, parts, hasTable = true) {
  const bars = gather(months, parts);
  const titleId = `histogram-${++count}`;
  return build(
    'figure',
    { class: 'histogram', 'aria-labelledby': titleId },
    build('figcaption', { id: titleId, class: 'unseen' }, title),
    legend(bars, parts),
    draw(bars, parts),
    hasTable && build('details', {}, build('summary', {}, complianceWords.simulation.table), build('div', { class: 'table-scroller', tabindex: 0 }, table(title, bars, parts))),
  );
}

/**
 * @param {Month[]} months
 * @param {Part[]} parts
 * @returns {{label: string, counts: number[]}[]}
 */
export function gather(months, parts) {
  if (months.length === 0) return [];
  const first = monthNumber(months[0].month);
  const span = monthNumber(months[months.length - 1].month) - first + 1;
  const width = [1, 3, 12].find((each) => span / each <= MOST_BARS) ?? Math.ceil(span / MOST_BARS / 12) * 12;
  const start = first - (first % width);
  const bars = Array.from({ length: Math.floor((first + span - 1 - start) / width) + 1 }, (_, at) => ({
    label: labelOf(start + at * width, width),
    counts: parts.map(() => 0),
  }));
  for (const month of months) {
    const bar = bars[Math.floor((monthNumber(month.month) - start) / width)];
    parts.forEach(({ name }, at) => (bar.counts[at] += Number(month[name])));
  }
  return bars;
}

/** @param {string} month */
function monthNumber(month) {
  return Number(month.slice(0, 4)) * 12 + Number(month.slice(5, 7)) - 1;
}

/**
 * @param {number} at
 * @param {number} width
 */
function labelOf(at, width) {
  const year = Math.floor(at / 12);
  if (width === 12) return String(year);
  if (width > 12) return `${year}–${year + width / 12 - 1}`;
  const month = monthOf(new Date(Date.UTC(year, at % 12)).toISOString());
  return width === 1 ? month : `${month} –`;
}

/**
 * @param {{label: string, counts: number[]}[]} bars
 * @param {Part[]} parts
 */
function legend(bars, parts) {
  const totals = parts.map((_, at) => bars.reduce((sum, { counts }) => sum + counts[at], 0));
  const marks = parts.map(({ name, label }, at) =>
    build('li', {}, build('span', { class: `swatch part-${name}`, 'aria-hidden': 'true' }), label, ' ', build('strong', {}, number(totals[at]))),
  );
  return build('ul', { class: 'legend' }, ...marks);
}

/**
 * @param {{label: string, counts: number[]}[]} bars
 * @param {Part[]} parts
 */
function draw(bars, parts) {
  const width = matchMedia('(max-width: 719px)').matches ? NARROW : WIDE;
  const drawing = shape('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, 'aria-hidden': 'true' });
  const most = roundUp(Math.max(1, ...bars.map(({ counts }) => counts.reduce((sum, each) => sum + each, 0))));
  const step = (width - LEFT) / Math.max(bars.length, 1);
  const high = HEIGHT - FLOOR - 12;
  for (const part of [0, 0.5, 1]) {
    const y = HEIGHT - FLOOR - part * high;
    drawing.append(shape('line', { class: 'grid', x1: LEFT, x2: width, y1: y, y2: y }));
    if (Number.isInteger(most * part)) drawing.append(text(number(most * part), LEFT - 8, y + 4, 'end'));
  }
  const every = Math.ceil(LABEL_WIDTH / step);
  bars.forEach(({ label, counts }, at) => {
    const x = LEFT + at * step;
    let y = HEIGHT - FLOOR;
    counts.forEach((each, part) => {
      if (each === 0) return;
      // What is there is seen, however little it is beside the rest.
      const height = Math.max((each / most) * high, 1.5);
      y -= height;
      drawing.append(shape('rect', { class: `part-${parts[part].name}`, x: x + step * 0.1, y, width: Math.min(step * 0.8, 48), height }));
    });
    if (at % every === 0 && x + LABEL_WIDTH < width + step) drawing.append(text(label, x + step * 0.1, HEIGHT - 8, 'start'));
  });
  return drawing;
}

/**
 * @param {number} count
 * @returns {number} The next number that is easy to read, and to halve.
 */
function roundUp(count) {
  const power = 10 ** Math.floor(Math.log10(count));
  return (STEPS.find((each) => each * power >= count && Number.isInteger(each * power)) ?? 10) * power;
}

/**
 * @param {string} title
 * @param {{label: string, counts: number[]}[]} bars
 * @param {Part[]} parts
 */
function table(title, bars, parts) {
  const head = [complianceWords.simulation.columns.month, ...parts.map(({ label }) => label)];
  return build(
    'table',
    { class: 'numbers' },
    build('caption', { class: 'unseen' }, title),
    build('thead', {}, build('tr', {}, ...head.map((name) => build('th', { scope: 'col' }, name)))),
    build(
      'tbody',
      {},
      ...bars
        .filter(({ counts }) => counts.some((each) => each > 0))
        .map(({ label, counts }) => build('tr', {}, build('th', { scope: 'row' }, label), ...counts.map((each) => build('td', {}, number(each))))),
    ),
  );
}

/**
 * @param {string} words
 * @param {number} x
 * @param {number} y
 * @param {string} anchor
 */
function text(words, x, y, anchor) {
  const element = shape('text', { x, y, 'text-anchor': anchor });
  element.textContent = words;
  return element;
}

/**
 * @param {string} name
 * @param {Record<string, string|number>} attributes
 */
function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}
