/** Proves how days, times, lengths and prices read. Intl's spaces are any spaces. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Formats, city, regional } from "../src/formats.js";

/** @param {string} text */
const plain = (text) => text.replace(/\s/g, " ");

test("a bare language gets the region that the visitor reads", () => {
  assert.equal(regional("en", ["en-GB", "en"]), "en-GB");
  assert.equal(regional("de", ["en-GB", "de-AT"]), "de-AT");
  assert.equal(regional("fr", ["en-GB"]), "fr");
  assert.equal(regional("en-US", ["en-GB"]), "en-US");
});

test("weeks begin on the day of the region", () => {
  assert.deepEqual(["en-US", "en-GB", "de", "ar-EG"].map((locale) => new Formats(locale).firstDay), [7, 1, 1, 6]);
});

test("clocks are those of the region", () => {
  const moment = Date.parse("2026-11-21T14:30:00Z");
  assert.equal(plain(new Formats("en-US").time(moment, "UTC")), "2:30 PM");
  assert.equal(plain(new Formats("de").time(moment, "UTC")), "14:30");
});

test("on the night when clocks go back, times that read alike get the name of their zone", () => {
  const first = Date.parse("2027-10-31T00:00:00Z");
  const slots = [0, 1, 2, 3, 4, 5].map((half) => ({ at: first + half * 1_800_000 }));

  const labels = [...new Formats("en-GB").times(slots, "Europe/Berlin").values()].map(plain);

  assert.equal(new Set(labels).size, 6);
  assert.deepEqual(labels.map((label) => label.split(" ")[0]), ["02:00", "02:30", "02:00", "02:30", "03:00", "03:30"]);
  assert.ok(labels.slice(0, 4).every((label) => label.includes(" ")) && !labels[4].includes(" "));
});

test("lengths are in hours and minutes", () => {
  const format = new Formats("en-GB");
  assert.deepEqual([20, 60, 150].map((minutes) => plain(format.length(minutes))), ["20 mins", "1 hr", "2 hrs 30 mins"]);
});

test("prices have the digits that the server says, and none where they are zero", () => {
  const format = new Formats("en-GB");
  assert.deepEqual(
    [[4800, "EUR", 2], [4850, "EUR", 2], [1500, "JPY", 0], [1500, "KWD", 3], [1200050, "HUF", 2], [300000, "RSD", 2]].map((price) => plain(format.price(...price))),
    ["€48", "€48.50", "JP¥1,500", "KWD 1.500", "HUF 12,000.50", "RSD 3,000"],
  );
});

test("no currency is rounded, whatever digits a browser knows", () => {
  const format = new Formats("en-GB");
  for (const currency of Intl.supportedValuesOf("currency")) {
    for (const digits of [0, 2, 3]) {
      assert.equal(format.price(1_234_567, currency, digits).match(/[\d.,]+$/)?.[0].replace(/\D/g, ""), "1234567", currency);
    }
  }
});

test("what is left of a hold counts in minutes and seconds", () => {
  const format = new Formats("en-GB");
  assert.deepEqual([299_000, 61_000, 5_000, -3].map((ms) => format.clock(ms)), ["04:59", "01:01", "00:05", "00:00"]);
});

test("a zone is called by its city", () => {
  assert.equal(city("America/Argentina/Buenos_Aires"), "Buenos Aires");
  assert.equal(city("UTC"), "UTC");
});

/** How mails and pages write the same: `tests/unit/test_voice.py` compares them with the same table. */
const SPELLINGS = JSON.parse(readFileSync(new URL("../../tests/samples/spellings.json", import.meta.url), "utf8"));

test("times, lengths and prices read as in mails and on pages", () => {
  const moments = [Date.parse("2026-12-05T08:00Z"), Date.parse("2027-07-01T17:30Z")];
  /** @type {[number, string, number][]} */
  const prices = [[4800, "EUR", 2], [4850, "EUR", 2], [150_000, "JPY", 0], [1500, "KWD", 3]];
  const zone = "Europe/Berlin";
  for (const [locale, written] of Object.entries(SPELLINGS)) {
    const f = new Formats(locale);
    assert.deepEqual(
      {
        time: moments.map((moment) => plain(f.time(moment, zone))),
        moment: moments.map((moment) => plain(f.moment(moment, zone))),
        price: prices.map((price) => plain(f.price(...price))),
        length: [20, 60, 150].map((minutes) => plain(f.length(minutes))),
        zone: moments.map((moment) => plain(f.zone(moment, zone) ?? "")),
      },
      written,
      locale,
    );
  }
});
