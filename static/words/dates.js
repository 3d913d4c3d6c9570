/**
 * Instants and spans of time as people read them, in the reader's own language and time zone.
 */
import { words } from './english.js';

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const dayThisYear = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const dayLongAgo = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const shortDay = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'short' });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'long', timeStyle: 'short' });
/** @type {(unit: string) => Intl.NumberFormat} */
const span = (unit) => new Intl.NumberFormat(words.language, { style: 'unit', unit, unitDisplay: 'short' });
const spans = { minute: span('minute'), hour: span('hour'), day: span('day') };

const DAY_MS = 86_400_000;

/** @param {string} instant */
export function clockTime(instant) {
  return time.format(new Date(instant));
}

/** @param {string} instant */
export function wholeDate(instant) {
  return whole.format(new Date(instant));
}

/** @param {string} instant */
export function dateName(instant) {
  return dayLongAgo.format(new Date(instant));
}

/**
 * "Today", "Yesterday", a weekday with its date, or a date with its year.
 *
 * @param {string} instant
 * @param {Date} [now]
 */
export function dayName(instant, now = new Date()) {
  const date = new Date(instant);
  const days = daysBetween(date, now);
  if (days === 0) return words.messages.today;
  if (days === 1) return words.messages.yesterday;
  return (date.getFullYear() === now.getFullYear() ? dayThisYear : dayLongAgo).format(date);
}

/**
 * As short as a list needs it: a time today, a weekday this week, else a date.
 *
 * @param {string} instant
 * @param {Date} [now]
 */
export function shortTime(instant, now = new Date()) {
  const date = new Date(instant);
  const days = daysBetween(date, now);
  if (days === 0) return time.format(date);
  return (days > 0 && days < 7 ? weekday : shortDay).format(date);
}

/**
 * For how long: "5 min", "3 hr", "2 days". Null for less than a minute.
 *
 * @param {string} instant
 * @param {number} [now]
 * @returns {string|null}
 */
export function elapsed(instant, now = Date.now()) {
  const minutes = Math.floor((now - Date.parse(instant)) / 60_000);
  if (minutes < 1) return null;
  if (minutes < 60) return spans.minute.format(minutes);
  if (minutes < 48 * 60) return spans.hour.format(Math.floor(minutes / 60));
  return spans.day.format(Math.floor(minutes / (24 * 60)));
}

/**
 * @param {Date} earlier
 * @param {Date} later
 */
function daysBetween(earlier, later) {
  const midnight = (/** @type {Date} */ date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  return Math.round((midnight(later) - midnight(earlier)) / DAY_MS);
}
