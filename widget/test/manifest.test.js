/** Proves that what editors and type checkers are told of the element is what it has. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const read = (name) => readFileSync(new URL(`../${name}`, import.meta.url), "utf8");
const source = readdirSync(new URL("../src", import.meta.url), { recursive: true })
  .filter((name) => /\.(js|css)$/.test(name))
  .map((name) => read(`src/${name}`))
  .join("\n");
const [element] = JSON.parse(read("custom-elements.json")).modules[0].declarations;
const types = read("bookable.d.ts");
const guide = read("../docs/widget.md");

const names = (things) => things.map(({ name }) => name).sort();
const found = (pattern) => [...new Set([...source.matchAll(pattern)].flatMap(([, words]) => words.split(" ")))].sort();

test("every attribute is named, and has its property", () => {
  const [, written] = source.match(/const ATTRIBUTES = \(\s*([^)]+)\)/);
  assert.deepEqual(names(element.attributes), written.replace(/["+\s]+/g, " ").trim().split(" ").sort());
  for (const { name, fieldName } of element.attributes) {
    assert.equal(fieldName, name.replace(/-(.)/g, (_, letter) => letter.toUpperCase()));
    assert.match(types, new RegExp(`^  ${fieldName}: `, "m"));
    assert.ok(guide.includes(`\`${name}\``), name);
  }
});

test("every event is named, and has a type for its detail", () => {
  const told = found(/(?:emit|finish)\([^;]*?"(ready|slot-selected|error|booked)"/g);
  const outcomes = found(/^  (held|rescheduled|cancelled|waitlisted): \[/gm);
  assert.deepEqual(names(element.events), [...told, ...outcomes].map((name) => `bookable:${name}`).sort());
  for (const { name } of element.events) assert.ok(types.includes(`"${name}": `) && guide.includes(`\`${name}\``), name);
});

test("every part, slot and custom property is named", () => {
  const parts = [/h\(\s*"\w+\.([\w -]+)"/g, /h\(\s*`button\.([\w-]+) ?/g, /button\(\s*"([\w-]+)"/g, /`(day)\$/g, /" (day-\w+)"/g, /}\.(input)`/g];
  assert.deepEqual(names(element.cssParts), [...new Set(parts.flatMap(found))].sort());
  assert.deepEqual(names(element.slots), ["", ...found(/h\("slot", \{ name: "(\w+)"/g)]);
  assert.deepEqual(names(element.cssProperties), found(/(--bookable-[\w-]+)/g));
  for (const { name } of element.cssParts) assert.ok(guide.includes(`\`${name}\``), name);
});
