/**
 * Owns what is known of free times: which days were asked for, and what they offered.
 *
 * No DOM, no network. A time is known by its moment, not by its date: in another zone the date is another.
 */

import { lastDay } from "./dates.js";

/** @typedef {{ at: number, end: string, start: string, providers: string[], places_left?: number }} Slot */

/**
 * @param {any} slot As the server tells it.
 * @returns {Slot}
 */
export const slotOf = (slot) => ({ ...slot, at: Date.parse(slot.start) });

export class FreeTimes {
  constructor() {
    /** @type {Map<string, Slot[]>} Only days that were answered. */
    this.days = new Map();
    /** @type {Map<string, number>} By month: the first free time from its days on, however far away; NaN: none. */
    this.nexts = new Map();
    /** @type {string | undefined} That its days are days of; unset: the visitor's own. */
    this.zone = undefined;
    this.stream = "";
  }

  /**
   * @param {any} answer Of the availability endpoint.
   * @param {string} month The one that was asked for.
   */
  learn(answer, month) {
    this.zone = answer.timezone;
    this.stream = answer.stream ?? this.stream;
    for (const { date, slots } of answer.days) this.days.set(date, slots.map(slotOf));
    this.nexts.set(month, Date.parse(answer.next_available));
  }

  /** @param {string} day */
  of(day) {
    return this.days.get(day) ?? [];
  }

  /**
   * The days of *month* that have any.
   *
   * @param {string} month
   */
  freeIn(month) {
    return [...this.days.keys()].filter((day) => day.startsWith(month) && this.of(day).length);
  }

  /** @param {number | undefined} moment */
  dayOf(moment) {
    return [...this.days.keys()].find((day) => this.of(day).some(({ at }) => at === moment));
  }
}

/**
 * The days to ask for when *month* is shown: no past ones.
 *
 * @param {string} month Not a past one.
 * @param {string} today
 */
export const rangeOf = (month, today) => ({ from: today.startsWith(month) ? today : `${month}-01`, to: lastDay(month) });
