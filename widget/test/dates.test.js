/** Proves arithmetic with dates: where months end, where weeks begin. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { addDays, addMonths, dateIn, lastDay, monthWeeks, weekStart } from "../src/dates.js";

test("a day more goes over the ends of months and years, and through the leap day", () => {
  assert.equal(addDays("2026-12-31", 1), "2027-01-01");
  assert.equal(addDays("2028-02-28", 1), "2028-02-29");
  assert.equal(addDays("2027-03-01", -1), "2027-02-28");
});

test("a day more is a day more on the days on which clocks change", () => {
  assert.equal(addDays("2026-03-28", 1), "2026-03-29");
  assert.equal(addDays("2026-03-29", 1), "2026-03-30");
  assert.equal(addDays("2026-10-25", 1), "2026-10-26");
});

test("a month more stays in the next month", () => {
  assert.equal(addMonths("2026-01-31", 1), "2026-02-28");
  assert.equal(addMonths("2028-01-31", 1), "2028-02-29");
  assert.equal(addMonths("2026-03-31", -1), "2026-02-28");
  assert.equal(addMonths("2026-12-15", 1), "2027-01-15");
  assert.equal(addMonths("2028-02-29", 12), "2029-02-28");
});

test("months have their last days", () => {
  assert.deepEqual(["2026-02", "2028-02", "2026-04", "2026-12"].map(lastDay), ["2026-02-28", "2028-02-29", "2026-04-30", "2026-12-31"]);
});

test("weeks begin where the locale says", () => {
  assert.equal(weekStart("2026-11-22", 1), "2026-11-16"); // a Sunday, weeks from Monday
  assert.equal(weekStart("2026-11-22", 7), "2026-11-22");
  assert.equal(weekStart("2026-11-22", 6), "2026-11-21"); // weeks from Saturday
});

test("every month has six weeks of seven days in a row, and all of its own", () => {
  for (let number = 0; number < 60; number++) {
    const month = addMonths("2026-01-01", number).slice(0, 7);
    for (const firstDay of [1, 6, 7]) {
      const days = monthWeeks(month, firstDay).flat();
      assert.equal(days.length, 42);
      days.slice(1).forEach((day, place) => assert.equal(day, addDays(days[place], 1)));
      assert.ok(days.includes(`${month}-01`) && days.includes(lastDay(month)));
    }
  }
});

test("the date is that of the zone", () => {
  const moment = Date.parse("2026-11-21T23:30:00Z");
  assert.equal(dateIn("Europe/London", moment), "2026-11-21");
  assert.equal(dateIn("Asia/Tokyo", moment), "2026-11-22");
  assert.equal(dateIn("Pacific/Honolulu", moment), "2026-11-21");
});
