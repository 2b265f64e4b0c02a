/** Proves which addresses the widget opens for whoever answers it. */

import assert from "node:assert/strict";
import { test } from "node:test";

Object.defineProperty(globalThis, "navigator", { value: { onLine: true, languages: ["en"] }, configurable: true });
const { isSafe } = await import("../src/state.js");

const SECURE = { base: "https://book.example" };
const LOCAL = { base: "http://127.0.0.1:8080" };

test("links go to TLS, to a calendar app, or to where the server is", () => {
  for (const url of ["https://checkout.stripe.com/x", "webcal://book.example/invite.ics"]) {
    assert.ok(isSafe(SECURE, url), url);
  }
  assert.ok(isSafe(LOCAL, "http://127.0.0.1:8080/v1/appointments/x/invite.ics"));
});

test("nothing that runs, and nothing in the clear from a server with TLS, is opened", () => {
  const bad = ["javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "data:text/html,x", "http://evil.example", "blob:x", "", "/x"];
  for (const url of bad) assert.equal(isSafe(SECURE, url), false, url);
  assert.equal(isSafe(LOCAL, "javascript:alert(1)"), false);
});
