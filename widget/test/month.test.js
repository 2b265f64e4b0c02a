/** Proves what is known of free times: by day, by month, by moment. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { FreeTimes, rangeOf } from "../src/month.js";

const ANSWER = {
  timezone: "Europe/Berlin",
  next_available: "2026-12-02T09:00:00+01:00",
  days: [
    { date: "2026-12-01", slots: [] },
    { date: "2026-12-02", slots: [{ start: "2026-12-02T09:00:00+01:00", end: "2026-12-02T09:30:00+01:00", providers: ["anna"] }] },
    { date: "2026-12-03", slots: [{ start: "2026-12-03T09:00:00+01:00", end: "2026-12-03T09:30:00+01:00", providers: ["anna"], places_left: 3 }] },
  ],
};

test("only days that have something are free", () => {
  const free = new FreeTimes();
  free.learn(ANSWER, "2026-12");

  assert.deepEqual(free.freeIn("2026-12"), ["2026-12-02", "2026-12-03"]);
  assert.deepEqual(free.freeIn("2027-01"), []);
  assert.equal(free.of("2026-12-03")[0]?.places_left, 3);
  assert.equal(free.nexts.get("2026-12"), Date.parse("2026-12-02T08:00:00Z"));
});

test("a time is found by its moment, whatever its date in another zone", () => {
  const free = new FreeTimes();
  free.learn(ANSWER, "2026-12");

  assert.equal(free.dayOf(Date.parse("2026-12-03T08:00:00Z")), "2026-12-03");
  assert.equal(free.dayOf(undefined), undefined);
});

test("what is learned later replaces what was known of the day", () => {
  const free = new FreeTimes();
  free.learn(ANSWER, "2026-12");
  free.learn({ ...ANSWER, next_available: null, days: [{ date: "2026-12-02", slots: [] }] }, "2026-12");

  assert.deepEqual(free.freeIn("2026-12"), ["2026-12-03"]);
  assert.equal(free.nexts.get("2026-12"), NaN);
});

test("nobody asks for days that are over", () => {
  assert.deepEqual(rangeOf("2026-11", "2026-11-21"), { from: "2026-11-21", to: "2026-11-30" });
  assert.deepEqual(rangeOf("2026-12", "2026-11-21"), { from: "2026-12-01", to: "2026-12-31" });
});
