/**
 * Owns arithmetic with dates as text: `2026-11-30` is a day, `2026-11` a month. No zone, no clock, no DOM.
 *
 * Leaves how they read to `formats.js`.
 */

const DAY_MS = 86_400_000;

/** @param {string} day */
const parse = (day) => Date.parse(`${day}T00:00Z`);

/** @param {number} moment */
const dayOf = (moment) => new Date(moment).toISOString().slice(0, 10);

/**
 * @param {string} day
 * @param {number} count
 */
export const addDays = (day, count) => dayOf(parse(day) + count * DAY_MS);

/**
 * The same day of another month, or the last that it has.
 *
 * @param {string} day
 * @param {number} count
 */
export function addMonths(day, count) {
  const date = new Date(parse(`${day.slice(0, 7)}-01`));
  date.setUTCMonth(date.getUTCMonth() + count);
  const month = dayOf(+date).slice(0, 7);
  const wanted = `${month}-${day.slice(8)}`;
  const last = lastDay(month);
  return wanted < last ? wanted : last;
}

/** @param {string} month */
export function lastDay(month) {
  const [year = 0, number = 0] = month.split("-").map(Number);
  return dayOf(Date.UTC(year, number, 0));
}

/**
 * From 1, Monday, to 7, Sunday.
 *
 * @param {string} day
 */
export const weekday = (day) => new Date(parse(day)).getUTCDay() || 7;

/**
 * The day on which the week of *day* begins.
 *
 * @param {string} day
 * @param {number} firstDay Of the week: 1 is Monday.
 */
export const weekStart = (day, firstDay) => addDays(day, -((weekday(day) - firstDay + 7) % 7));

/**
 * Six weeks, always, so that no month is higher than another.
 *
 * @param {string} month
 * @param {number} firstDay
 * @returns {string[][]}
 */
export function monthWeeks(month, firstDay) {
  const first = weekStart(`${month}-01`, firstDay);
  return [0, 1, 2, 3, 4, 5].map((week) => [0, 1, 2, 3, 4, 5, 6].map((day) => addDays(first, week * 7 + day)));
}

/**
 * The date in *zone*; `sv` writes it as ISO 8601 does.
 *
 * @param {string | undefined} zone
 * @param {number} [moment]
 */
export const dateIn = (zone, moment = Date.now()) =>
  new Intl.DateTimeFormat("sv", { timeZone: zone, dateStyle: "short" }).format(moment);
