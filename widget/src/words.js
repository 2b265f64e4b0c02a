/**
 * Owns words: which language a visitor reads, and fetching its words if it is not English, which is in the code.
 *
 * Leaves numbers, days and times to `formats.js`.
 */

/** @typedef {(sentence: string, values?: Record<string, any>) => string} Say What stands in `{…}` is put in. */

/**
 * The language to use; English for one that has no words here.
 *
 * @param {string} wanted
 */
export const known = (wanted) => wanted.match(/^(de|fr|es|pt|nl|ja|ar)\b/)?.[0] ?? "en";

/**
 * A function that says things; in English where a language cannot be fetched.
 *
 * @param {string} language
 * @param {string} base Address of a file beside those that have the other languages.
 * @returns {Promise<Say>}
 */
export async function wordsOf(language, base) {
  const file = new URL(`${language}.json`, base);
  /** @type {Record<string, string>} */
  const words = language === "en" ? {} : await fetch(file, { credentials: "omit" }).then((answer) => answer.json()).catch(() => ({}));
  return (sentence, values = {}) => (words[sentence] ?? sentence).replace(/{(\w+)}/g, (_, name) => values[name] ?? "");
}
