/** Proves who offers what where, and what a form lacks. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ADDRESS, FILL, likelyLocation, locationsOf, mistakes, providersOf } from "../src/catalogue.js";

const HERE = { slug: "here", name: "Here", timezone: "Europe/Berlin", online: false, address: "" };
const THERE = { slug: "there", name: "There", timezone: "Asia/Tokyo", online: false, address: "" };
const PROFILE = /** @type {any} */ ({
  locations: [HERE, THERE],
  providers: [
    { slug: "anna", locations: ["here"] },
    { slug: "ben", locations: ["here", "there"] },
    { slug: "cem", locations: ["there"] },
  ],
});
const CUT = /** @type {any} */ ({ providers: ["anna", "ben"], questions: [], phone_required: false });

const slugs = (/** @type {{ slug: string }[]} */ things) => things.map(({ slug }) => slug);

test("only those who offer a service at a place are named there", () => {
  assert.deepEqual(slugs(providersOf(PROFILE, CUT)), ["anna", "ben"]);
  assert.deepEqual(slugs(providersOf(PROFILE, CUT, "there")), ["ben"]);
  assert.deepEqual(slugs(locationsOf(PROFILE, CUT)), ["here", "there"]);
  assert.deepEqual(slugs(locationsOf(PROFILE, CUT, "anna")), ["here"]);
});

test("the place that was named is meant, else one in the visitor's zone, else the first", () => {
  assert.equal(likelyLocation(PROFILE.locations, "there", "Europe/Berlin"), THERE);
  assert.equal(likelyLocation(PROFILE.locations, null, "Asia/Tokyo"), THERE);
  assert.equal(likelyLocation(PROFILE.locations, null, "Africa/Lagos"), HERE);
  assert.equal(likelyLocation(PROFILE.locations, "nowhere", "Africa/Lagos"), HERE);
});

test("a form says what it lacks, field by field", () => {
  const empty = { name: " ", email: "robin@", phone: "", answers: {} };
  const service = { ...CUT, phone_required: true, questions: [{ key: "people", required: true }, { key: "note", required: false }] };

  assert.deepEqual(mistakes(empty, service), { name: FILL, email: ADDRESS, phone: FILL, "q-people": FILL });
  assert.deepEqual(mistakes({ name: "Robin", email: "robin@example.com", phone: "", answers: {} }, CUT), {});
});
