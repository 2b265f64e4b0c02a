/**
 * Owns changing what there is: an appointment that is moved or cancelled, a place on the waitlist.
 *
 * Leaves choosing the new time to `times.js`.
 */

import { ask } from "./api.js";
import { asTerms, customer, finish, isComplete, refused } from "./booking.js";
import { named } from "./catalogue.js";
import { rangeOf } from "./month.js";
import { asked, change, go, path, shownZone, today } from "./state.js";

/**
 * @typedef {import("./state.js").State} State
 */

/**
 * Shows the appointment that *token* opens.
 *
 * @param {State} s
 * @param {string} token
 */
export async function openPlace(s, token) {
  const place = await ask(s, `/v1/appointments/${token}`);
  const { provider, location, service } = place;
  s.wishes.business = place.business.slug;
  s.profile ??= await ask(s, path(s, ""));
  go(s, "yours", { token, place, provider: provider.slug, location: location.slug, service: named(s.profile.services, service.slug) });
}

/**
 * @param {State} s
 * @param {string} where
 * @param {any} body
 * @param {import("./state.js").Outcome} outcome
 */
async function send(s, where, body, outcome) {
  if (s.waits) return;
  change(s, { waits: true, problem: undefined });
  try {
    const { place } = s;
    const before = place && { ...place, service: place.service.slug, provider: s.provider, location: s.location };
    const result = { ...before, ...(await ask(s, where, { body, key: s.key })) };
    finish(s, result.status === "pending" ? "requested" : outcome, result, outcome);
  } catch (error) {
    refused(s, error);
  }
}

/** @param {State} s */
export const move = (s) =>
  send(s, `/v1/appointments/${s.token}/reschedule`, { start: s.slot?.start, provider: s.provider, terms: s.terms && asTerms(s.terms) }, "rescheduled");

/** @param {State} s */
export const cancel = (s) =>
  send(s, `/v1/appointments/${s.token}/cancel`, { accept_fee: s.place.policy.late_fee_minor > 0 }, "cancelled");

/**
 * The days that are waited for: of the month that is looked at.
 *
 * @param {State} s
 */
export const waitRange = (s) => rangeOf(s.month, today(s));

/** @param {State} s */
export async function join(s) {
  if (!isComplete(s, { questions: [] })) return;
  await send(s, path(s, "/waitlist"), { ...asked(s), ...waitRange(s), tz: shownZone(s) || undefined, customer: customer(s) }, "waitlisted");
}
