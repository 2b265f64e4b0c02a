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
  const [year = 0, month = 0, date] = day.split("-").map(Number);
  return dayOf(Math.min(Date.UTC(year, month + count - 1, date), Date.UTC(year, month + count, 0)));
}

/** @param {string} month */
export const lastDay = (month) => addMonths(`${month}-31`, 0);

/**
 * The day on which the week of *day* begins.
 *
 * @param {string} day
 * @param {number} firstDay Of the week: 1 is Monday, 7 is Sunday.
 */
export const weekStart = (day, firstDay) => addDays(day, -((new Date(parse(day)).getUTCDay() - firstDay + 7) % 7));

/**
 * Six weeks, always, so that no month is higher than another.
 *
 * @param {string} month
 * @param {number} firstDay
 * @returns {string[][]}
 */
export function monthWeeks(month, firstDay) {
  const first = weekStart(`${month}-01`, firstDay);
  const days = [...Array(42).keys()].map((day) => addDays(first, day));
  return [0, 7, 14, 21, 28, 35].map((start) => days.slice(start, start + 7));
}

/**
 * The date in *zone*; `sv` writes it as ISO 8601 does.
 *
 * @param {string | undefined} zone
 * @param {number} [moment]
 */
export const dateIn = (zone, moment = Date.now()) =>
  new Date(moment).toLocaleDateString("sv", { timeZone: zone });
