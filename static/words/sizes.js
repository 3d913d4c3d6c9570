/**
 * Sizes of files and short spans of time as people read them.
 */
const LANGUAGE = 'en';
const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
/** @type {(unit: string, digits: number, display?: 'short'|'long') => Intl.NumberFormat} */
const format = (unit, digits, display = 'short') =>
  new Intl.NumberFormat(LANGUAGE, { style: 'unit', unit, unitDisplay: display, maximumFractionDigits: digits });
const sizes = UNITS.map((unit, index) => [0, 1].map((digits) => format(unit, index === 0 ? 0 : digits, index === 0 ? 'long' : 'short')));
const plain = new Intl.NumberFormat(LANGUAGE, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const spans = { second: format('second', 0), minute: format('minute', 0), hour: format('hour', 0) };

/**
 * "824 bytes", "3.4 MB", "12 GB": as much of it as matters.
 *
 * @param {number} bytes
 * @returns {string}
 */
export function fileSize(bytes) {
  const unit = unitOf(bytes);
  const amount = bytes / 1000 ** unit;
  return sizes[unit][amount < 10 ? 1 : 0].format(amount);
}

/**
 * "3.4 of 12 MB": both in one unit.
 *
 * @param {number} part
 * @param {number} whole
 * @returns {string}
 */
export function partOfSize(part, whole) {
  return `${part === 0 ? 0 : plain.format(part / 1000 ** unitOf(whole))} of ${fileSize(whole)}`;
}

/** @param {number} bytes */
function unitOf(bytes) {
  let unit = 0;
  // What would be rounded to a thousand is one of the next unit.
  while (bytes / 1000 ** unit >= 999.5 && unit < UNITS.length - 1) unit += 1;
  return unit;
}

/**
 * "5 sec", "3 min", "2 hr". Never less than a second.
 *
 * @param {number} seconds
 * @returns {string}
 */
export function shortSpan(seconds) {
  if (seconds < 59.5) return spans.second.format(Math.max(1, Math.round(seconds)));
  if (seconds < 3570) return spans.minute.format(Math.round(seconds / 60));
  return spans.hour.format(Math.round(seconds / 3600));
}
