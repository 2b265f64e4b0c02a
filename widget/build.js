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
import { build, transform } from "esbuild";
import { minify } from "terser";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const OUT = fileURLToPath(new URL("../server/static/widget/", import.meta.url));

/** Bytes in all, with English: so many here are 12,000 of `gzip -9`, whose header is longer. */
const BUDGET = 11_980;

/** Fields that are ours alone, unknown to the server and to browsers: these get shorter names. */
const OURS = new RegExp(
  "^(base|city|dayOf|draw|drawn|emit|form|free|freeIn|heard|heldUntil|holdOver|instead|learn|made|nexts|onoffline|outcome|over|place|" +
    "problem|profile|props|result|search|seconds|slot|step|tag|told|waits|wishes|wrong|zonesOpen)$",
);

/** Sheets become text without what only people read. */
const sheets = {
  name: "sheets",
  setup(builder) {
    builder.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, "utf8"), { loader: "css", minify: true, target: "chrome123" });
      return { contents: code.trim().replace(/([:,]) /g, "$1"), loader: "text" };
    });
  },
};

async function made() {
  const { outputFiles } = await build({
    entryPoints: [`${HERE}src/bookable.js`],
    bundle: true,
    minify: true,
    mangleProps: OURS,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    write: false,
    plugins: [sheets],
  });
  // A second look at what is left saves another fiftieth.
  const { code } = await minify(outputFiles[0].text, { module: true, ecma: 2020, compress: { passes: 3, unsafe_arrows: true, unsafe_methods: true, unsafe: true } });
  const files = { "bookable.js": code };
  const source = readdirSync(`${HERE}src`, { recursive: true })
    .filter((name) => name.endsWith(".js"))
    .map((name) => readFileSync(`${HERE}src/${name}`, "utf8"))
    .join("\n");
  const said = [...source.matchAll(/\bt\((?:[\w. =!"]+\? )?"([^"]+)"(?: : "([^"]+)")?/g)].flatMap(([, ...each]) => each.filter(Boolean));
  const languages = readdirSync(`${HERE}src/languages`).sort().map((name) => [name, JSON.parse(readFileSync(`${HERE}src/languages/${name}`, "utf8"))]);
  for (const [name, words] of languages) {
    const clash = Object.keys(words).flatMap((sentence) => [...sentence.matchAll(/{(\w+)}/g)]).find(([, value]) => OURS.test(value));
    if (clash) throw new Error(`${clash[0]} stands in a sentence, and would get another name`);
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
