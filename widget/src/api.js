/**
 * Owns every request: waiting no longer than it should, asking again where that is safe, and what went wrong in words
 * that a program can read.
 *
 * Leaves what to ask for to the steps.
 */

import { solve } from "./proof.js";

const PATIENCE_MS = 10_000;
const TRIES = 3;
/** One, and another where that came too late. */
const PROOFS = 2;

/**
 * An answer that says no (RFC 9457), or none at all (`status` 0): `kind` is the last part of its type.
 *
 * @typedef {Error & { kind: string, status: number, body: any }} Problem
 */

/**
 * As JSON, without what nobody filled in.
 *
 * @param {any} values
 */
export const written = (values) => JSON.stringify(values, (_, value) => (value === "" ? undefined : value));

/**
 * Work that a business asks of strangers, done; nothing where it cannot be done, or nobody waits for it any more.
 *
 * @param {Server} server
 * @param {any} challenge
 * @param {() => boolean} wanted
 * @returns {Promise<string>}
 */
async function prove({ onwork, over }, challenge, wanted) {
  onwork(true);
  try {
    return await solve(challenge, () => wanted() && !over?.signal.aborted);
  } catch {
    return ""; // without TLS there is no cryptography
  } finally {
    onwork(false);
  }
}

/**
 * @typedef {{ base: string, onoffline: (offline: boolean) => void, onwork: (works: boolean) => void,
 *   over?: AbortController }} Server
 */

/**
 * The JSON that is answered.
 *
 * @param {Server} server
 * @param {string} path
 * @param {{ method?: string, body?: any, key?: string, leaving?: boolean, wanted?: () => boolean }} [how] *key* makes
 *   repeating safe, so it is sent again once there is a network; *leaving* survives the page, and is asked once;
 *   *wanted* says whether it is still worth work.
 * @throws {Problem}
 */
export async function ask(server, path, { body, method = body ? "POST" : "GET", key, leaving, wanted = () => true } = {}) {
  const { base, onoffline } = server;
  let proof = "";
  let proofs = 0;
  for (let tries = 1; ; tries++) {
    let status = 0;
    let wait = tries;
    /** @type {any} */
    let said;
    try {
      const answer = await fetch(base + path, {
        method,
        headers: { ...(body && { "Content-Type": "application/json" }), ...(key && { "Idempotency-Key": key }), ...(proof && { "Booking-Proof": proof }) },
        body: body && written(body),
        // The browser keeps answers and asks whether they are still true; no preflight is needed for that.
        cache: "no-cache",
        credentials: "omit",
        keepalive: leaving,
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      wait = Number(answer.headers.get("Retry-After") ?? tries);
      said = answer.status === 204 || (await answer.json());
      if (answer.ok) return said;
      ({ status } = answer);
    } catch {
      // No answer, or cut off on its way.
    }
    const kind = said?.type?.split("/").pop() ?? "unreachable";
    if (kind === "proof-required" && proofs++ < PROOFS && (proof = await prove(server, said.challenge, wanted))) continue;
    const passes = status > 499 || status === 429 || !said || kind === "request-in-flight";
    const waits = key && !navigator.onLine;
    if (!passes || leaving || (tries >= TRIES && !waits)) throw Object.assign(new Error(said?.detail), { kind, status, body: said ?? {} });
    if (waits) {
      onoffline(true);
      await new Promise((resolve) => addEventListener("online", resolve, { once: true }));
      onoffline(false);
      tries = 0;
    } else {
      await new Promise((resolve) => setTimeout(resolve, Math.min(wait * 1000, PATIENCE_MS)));
    }
  }
}
