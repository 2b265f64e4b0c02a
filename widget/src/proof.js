/**
 * Owns proof of work: solving a challenge with the browser's own cryptography.
 *
 * Leaves when one is asked for to `api.js`.
 */

/** Guesses under way together: the browser has more than one hand, and each answer takes a turn. */
const AT_ONCE = 16;
/** Far beyond any challenge; so that one that cannot be solved ends. */
const MOST = 1_000_000;

/** @param {string} hex */
const octets = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** @param {ArrayBuffer} buffer */
const hexadecimal = (buffer) => Array.from(new Uint8Array(buffer), (octet) => octet.toString(16).padStart(2, "0")).join("");

/**
 * The challenge with its solution, as the header takes it; nothing once nobody waits for it any more.
 *
 * @param {{ parameters: { nonce: string, salt: string, cost: number, keyLength: number, keyPrefix: string } }} challenge
 * @param {() => boolean} wanted
 */
export async function solve(challenge, wanted) {
  const { nonce, salt, cost, keyLength, keyPrefix } = challenge.parameters;
  const head = octets(nonce);
  const how = { name: "PBKDF2", hash: "SHA-256", salt: octets(salt), iterations: cost };
  /** @param {number} counter */
  const derive = async (counter) => {
    const password = new Uint8Array(head.length + 4);
    password.set(head);
    new DataView(password.buffer).setUint32(head.length, counter);
    const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
    return hexadecimal(await crypto.subtle.deriveBits(how, key, keyLength * 8));
  };
  for (let first = 0; first < MOST && wanted(); first += AT_ONCE) {
    const keys = await Promise.all(Array.from({ length: AT_ONCE }, (_, each) => derive(first + each)));
    const found = keys.findIndex((key) => key.startsWith(keyPrefix));
    if (found >= 0) return btoa(JSON.stringify({ challenge, solution: { counter: first + found, derivedKey: keys[found] } }));
  }
  return "";
}
