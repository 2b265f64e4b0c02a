/**
 * Owns making one module of the sources: what the browser is sent.
 *
 * Leaves the files beside it to `build.js`. No property is renamed and nothing is assumed of objects: an answer of the
 * server is an object like any other, and its fields keep their names.
 */

import { readFileSync } from "node:fs";
import { build, transform } from "esbuild";
import { minify } from "terser";

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

/**
 * @param {import("esbuild").BuildOptions} entry Where to begin: `entryPoints`, or `stdin`.
 * @returns {Promise<string>}
 */
export async function bundle(entry) {
  const { outputFiles } = await build({
    ...entry,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    write: false,
    plugins: [sheets],
  });
  // A second look at what is left saves another hundred bytes.
  const { code } = await minify(outputFiles[0].text, { module: true, ecma: 2020, compress: { passes: 3 } });
  return code;
}
