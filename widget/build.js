/**
 * Owns making the files that are served from the sources: one module, a file of words per language, and what type
 * checkers and editors are told.
 *
 * `--check` makes them anew beside what is committed, and fails where they differ or have grown too large.
 */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { bundle } from "./bundle.js";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const OUT = fileURLToPath(new URL("../server/static/widget/", import.meta.url));

/** Bytes of `gzip -9` in all, with English. */
const BUDGET = 16_000;

async function made() {
  const code = await bundle({ entryPoints: [`${HERE}src/bookable.js`] });
  const files = { "bookable.js": code };
  const source = readdirSync(`${HERE}src`, { recursive: true })
    .filter((name) => name.endsWith(".js"))
    .map((name) => readFileSync(`${HERE}src/${name}`, "utf8"))
    .join("\n");
  const said = [...source.matchAll(/\bt\((?:[\w. =!"]+\? )?"([^"]+)"(?: : "([^"]+)")?/g)].flatMap(([, ...each]) => each.filter(Boolean));
  const languages = readdirSync(`${HERE}src/languages`).sort().map((name) => [name, JSON.parse(readFileSync(`${HERE}src/languages/${name}`, "utf8"))]);
  for (const [name, words] of languages) {
    const missing = [...said, ...languages.flatMap(([, others]) => Object.keys(others))].filter((sentence) => !words[sentence]);
    const unused = Object.keys(words).filter((sentence) => !source.includes(`"${sentence}"`));
    if (missing.length || unused.length) throw new Error(`${name} lacks ${missing.join(" | ")}; nobody says ${unused.join(" | ")}`);
    files[name] = `${JSON.stringify(words)}\n`;
  }
  for (const name of ["bookable.d.ts", "custom-elements.json"]) files[name] = readFileSync(`${HERE}${name}`, "utf8");
  const gzip = gzipSync(code, { level: 9 }).length;
  console.log(`bookable.js: ${code.length} characters, ${gzip} bytes gzip of ${BUDGET}`);
  if (gzip > BUDGET) throw new Error(`the widget has grown to ${gzip} bytes, ${gzip - BUDGET} too many`);
  const digest = createHash("sha384").update(code).digest("base64");
  files["widget.json"] = `${JSON.stringify({ integrity: `sha384-${digest}`, gzip })}\n`;
  return files;
}

const files = await made();
if (process.argv.includes("--check")) {
  for (const [name, text] of Object.entries(files)) {
    const path = `${OUT}${name}`;
    if (!existsSync(path) || readFileSync(path, "utf8") !== text) throw new Error(`${name} is not what its sources make: make widget`);
  }
} else {
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(`${OUT}${name}`, text);
}
