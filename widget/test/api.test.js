/** Proves how requests are repeated: only where that is safe, with one key, and not for ever. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { ask } from "../src/api.js";

/** @type {{ status: number, body?: any, headers?: Record<string, string>, cut?: boolean }[]} */
let answers = [];
/** @type {any[]} */
let asked = [];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  asked.push({ method: request.method, path: request.url, key: request.headers["idempotency-key"], body: body && JSON.parse(body) });
  const { status, body: said, headers = {}, cut } = answers.shift() ?? { status: 200, body: {} };
  if (cut) {
    request.socket.destroy();
    return;
  }
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
  response.end(said === undefined ? "" : JSON.stringify(said));
});
const place = { base: "", onoffline: () => {}, onwork: () => {} };

before(async () => {
  Object.defineProperty(globalThis, "navigator", { value: { onLine: true }, configurable: true });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  place.base = `http://127.0.0.1:${address.port}`;
});
after(() => server.close());

/** @param {typeof answers} given */
function given(...given) {
  answers = given;
  asked = [];
}

test("an answer is what was said", async () => {
  given({ status: 200, body: { free: true } });

  assert.deepEqual(await ask(place, "/x"), { free: true });
  assert.equal(asked[0].method, "GET");
});

test("a request whose answer was cut off is sent again with its own key", async () => {
  given({ status: 0, cut: true }, { status: 503, body: {}, headers: { "Retry-After": "0" } }, { status: 201, body: { id: 1 } });

  assert.deepEqual(await ask(place, "/book", { body: { a: 1 }, key: "one" }), { id: 1 });
  assert.deepEqual(asked.map(({ key }) => key), ["one", "one", "one"]);
  assert.deepEqual(asked.map(({ body }) => body), [{ a: 1 }, { a: 1 }, { a: 1 }]);
});

test("a first request that is still being answered is asked for again", async () => {
  given({ status: 409, body: { type: "/problems/request-in-flight" }, headers: { "Retry-After": "0" } }, { status: 201, body: { id: 2 } });

  assert.deepEqual(await ask(place, "/book", { body: {}, key: "two" }), { id: 2 });
});

test("a refusal is not argued with", async () => {
  given({ status: 409, body: { type: "/problems/slot-unavailable", detail: "Taken." } });

  await assert.rejects(ask(place, "/book", { body: {}, key: "three" }), { kind: "slot-unavailable", status: 409, message: "Taken." });
  assert.equal(asked.length, 1);
});

test("three times is enough", async () => {
  const away = { status: 503, body: {}, headers: { "Retry-After": "0" } };
  given(away, away, away, { status: 200, body: {} });

  await assert.rejects(ask(place, "/x"), { status: 503 });
  assert.equal(asked.length, 3);
});

test("what is sent on leaving is sent once, and nothing is expected", async () => {
  given({ status: 503, body: {} });

  await assert.rejects(ask(place, "/v1/holds/x", { method: "DELETE", leaving: true }));
  assert.equal(asked.length, 1);
});

test("nothing to say is an answer, too", async () => {
  given({ status: 204 });

  assert.equal(await ask(place, "/v1/holds/x", { method: "DELETE" }), true);
});
