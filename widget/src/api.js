/**
 * Owns every request: waiting no longer than it should, asking again where that is safe, and what went wrong in words
 * that a program can read.
 *
 * Leaves what to ask for to the steps.
 */

const PATIENCE_MS = 10_000;
const TRIES = 3;

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
 * The JSON that is answered.
 *
 * @param {{ base: string, onoffline: (offline: boolean) => void }} server
 * @param {string} path
 * @param {{ method?: string, body?: any, key?: string, leaving?: boolean }} [how] *key* makes repeating safe, so it is
 *   sent again once there is a network; *leaving* survives the page, and is asked once.
 * @throws {Problem}
 */
export async function ask({ base, onoffline }, path, { body, method = body ? "POST" : "GET", key, leaving } = {}) {
  for (let tries = 1; ; tries++) {
    let status = 0;
    let wait = tries;
    /** @type {any} */
    let said;
    try {
      const answer = await fetch(base + path, {
        method,
        headers: { ...(body && { "Content-Type": "application/json" }), ...(key && { "Idempotency-Key": key }) },
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
