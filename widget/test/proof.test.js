/** Proves that challenges are solved as the server (and ALTCHA's own libraries) check them, and that it can be stopped. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { solve } from "../src/proof.js";

/** Made by ALTCHA's Python library, for counter 37. */
const CHALLENGE = {
  parameters: {
    algorithm: "PBKDF2/SHA-256",
    cost: 100,
    keyLength: 32,
    keyPrefix: "f11bed5e6833e16097b79e0442d90155",
    nonce: "f191c952e96eb3446c600defefa2b5d3",
    salt: "ed483cc7540e47bfa901c27acb674313",
    keySignature: "62d6f8a9b340e8938eae303c6542978c35679dab8ce134cd55dd464b3af236c9",
    expiresAt: 4_102_444_800,
    data: { business: "salon" },
  },
  signature: "9d440c4f93d20622a29b8b253f9f3786c04cff2daee7a6d2038c4be2871374da",
};

test("the counter is found, and the challenge goes back as it came", async () => {
  const { challenge, solution } = JSON.parse(atob(await solve(CHALLENGE, () => true)));

  assert.deepEqual(challenge, CHALLENGE);
  assert.equal(solution.counter, 37);
  assert.ok(solution.derivedKey.startsWith(CHALLENGE.parameters.keyPrefix));
  assert.equal(solution.derivedKey.length, 64);
});

test("it ends as soon as nobody wants it any more", async () => {
  let looks = 0;
  const unsolvable = { ...CHALLENGE, parameters: { ...CHALLENGE.parameters, keyPrefix: "zz" } };

  assert.equal(await solve(unsolvable, () => ++looks < 3), "");
  assert.equal(looks, 3);
});
