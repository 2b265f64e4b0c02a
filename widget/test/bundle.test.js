/** Proves that bundling keeps what the code says: above all the names of fields, which the server writes. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { bundle } from "../bundle.js";

const sources = readdirSync(new URL("../src", import.meta.url), { recursive: true })
  .filter((name) => name.endsWith(".js"))
  .map((name) => readFileSync(new URL(`../src/${name}`, import.meta.url), "utf8"))
  .join("\n");

/** Whatever the sources call a field of anything: an answer may have one of the same name. */
const names = [...new Set([...sources.matchAll(/\.([a-z]\w*)/g)].map(([, name]) => name))];

test("a field of an answer keeps its name, whatever the widget calls its own", async () => {
  assert.ok(["city", "slot", "place", "form"].every((name) => names.includes(name)));
  const contents = `export const read = (answer) => ({ ${names.map((name) => `"${name}": answer.${name}`).join(", ")} });`;
  const answer = Object.fromEntries(names.map((name) => [name, `the ${name}`]));

  const code = await bundle({ stdin: { contents } });
  const { read } = await import(`data:text/javascript,${encodeURIComponent(code)}`);

  assert.deepEqual(read(JSON.parse(JSON.stringify(answer))), answer);
});
