/**
 * Owns turning a time into an appointment: holding it, the form, sending it once however often it is sent.
 *
 * Leaves what comes after to `managing.js`.
 */

import { ask } from "./api.js";
import { differs, mistakes, named, termsWith } from "./catalogue.js";
import { ownZone } from "./formats.js";
import { slotOf } from "./month.js";
import { asked, change, fail, go, isSafe, newKey, path } from "./state.js";
import { load, take } from "./times.js";

/**
 * @typedef {import("./state.js").State} State
 * @typedef {import("./api.js").Problem} Problem
 * @typedef {import("./month.js").Slot} Slot
 */

/** What events tell the page: nothing about the person, and nothing that opens the appointment. */
const TOLD = ["id", "status", "start", "end", "service", "provider", "location"];

/** An answer takes a moment, too. */
const MARGIN_MS = 2000;

/**
 * What is done about holds, one after the other: an own hold that is still on its way, or on its way out, would stand in
 * the way of the next, and of booking.
 */
let holding = Promise.resolve();

/** @param {() => any} work */
const inTurn = (work) => (holding = holding.finally(work));

/**
 * A time is chosen. It is held while the form is filled in.
 *
 * @param {State} s
 * @param {Slot} slot
 */
export function select(s, slot) {
  const { start, end } = slot;
  if (!s.emit("slot-selected", { ...asked(s), start, end })) return;
  letGo(s);
  keep(s);
  const { provider, service } = s;
  const free = slot.providers ?? [];
  const who = provider || (service && differs(service, free) ? free[0] : "");
  go(s, s.place ? "move" : "details", { slot, who, terms: undefined, key: newKey(), holdOver: false, instead: undefined, sent: undefined });
  if (!s.place) inTurn(() => hold(s, slot));
}

/**
 * @param {State} s
 * @param {Slot} slot
 */
async function hold(s, slot) {
  const wanted = () => s.slot === slot && s.step === "details";
  if (!wanted() || s.hold) return;
  try {
    const { hold, provider, terms } = await ask(s, path(s, "/holds"), { body: { ...asked(s), start: slot.start }, key: newKey(), leaving: true, wanted });
    const heldUntil = Date.now() + s.profile.policies.hold_s * 1000 - MARGIN_MS;
    if (wanted()) change(s, { hold, heldUntil, who: provider, terms });
    else await release(s, hold);
  } catch (/** @type {any} */ error) {
    if (wanted() && error.status === 409) lost(s, error);
    // Else it is booked without being held.
  }
}

/**
 * What is promised: by the hold, or by what was shown since; to whoever moves, what they were promised; else by whoever
 * the time is with.
 *
 * @param {State} s
 * @returns {import("./catalogue.js").Terms}
 */
export const shownTerms = ({ service, place, terms, who }) =>
  terms ?? place?.terms ?? termsWith(/** @type {import("./catalogue.js").Service} */ (service), who);

/**
 * As the server takes them: a service says more than its terms.
 *
 * @param {import("./catalogue.js").Terms} terms
 */
export const asTerms = ({ price_minor, currency, duration_min, change_window_min, cancel_fee_minor, approval }) =>
  ({ price_minor, currency, duration_min, change_window_min, cancel_fee_minor, approval });

/**
 * Counts the hold down, each second.
 *
 * @param {State} s
 */
export function tick(s) {
  if (!s.heldUntil) return;
  const seconds = Math.ceil((s.heldUntil - Date.now()) / 1000);
  change(s, seconds > 0 ? {} : { hold: "", heldUntil: 0, holdOver: true });
}

/** @param {State} s */
export function letGo(s) {
  const { hold, waits } = s;
  if (hold && !waits) inTurn(() => release(s, hold));
  Object.assign(s, { hold: "", heldUntil: 0 });
}

/**
 * @param {State} s
 * @param {string} hold
 */
const release = (s, hold) => ask(s, `/v1/holds/${hold}`, { method: "DELETE", leaving: true }).catch(() => {});

/**
 * The time was somebody else's by then: what was typed stays, and others are offered.
 *
 * @param {State} s
 * @param {Problem} problem
 */
export function lost(s, problem) {
  keep(s);
  const instead = (problem.body.alternatives ?? []).map(slotOf);
  change(s, { instead, problem, waits: false, hold: "", heldUntil: 0, key: newKey() });
  s.focus("problem");
  load(s, true);
}

/** @param {State} s */
export const customer = ({ form: { answers, ...who }, zone, locale }) => ({
  ...who,
  timezone: zone || ownZone(),
  locale,
});

/**
 * Whether the form can be sent; if not, it says what is wrong.
 *
 * @param {State} s
 * @param {Partial<import("./catalogue.js").Service>} [needs] What the form asks, if not all that the service asks.
 */
export function isComplete(s, needs) {
  const wrong = mistakes(s.form, { .../** @type {import("./catalogue.js").Service} */ (s.service), ...needs });
  change(s, { wrong });
  s.focus("wrong");
  return !Object.keys(wrong).length;
}

/** @param {State} s */
export async function submit(s) {
  const { service, slot } = s;
  if (s.waits || !service || !slot || !isComplete(s)) return;
  change(s, { waits: true });
  await holding;
  if (!s.waits) return; // it was taken
  // Whom it is with was shown with what it costs: it is booked so, or not at all.
  const order = { ...asked(s), provider: s.who, start: slot.start, terms: asTerms(shownTerms(s)), customer: customer(s), answers: s.form.answers, hold: s.hold };
  await book(s, order, service.payment === "online" && shownTerms(s).price_minor > 0);
}

/**
 * An order that is under way survives the page: after a reload it is sent again, with its own key.
 *
 * @param {State} s
 * @param {any} order
 * @param {boolean} pays
 */
async function book(s, order, pays) {
  const { key } = s;
  change(s, { waits: true, problem: undefined });
  keep(s, JSON.stringify({ order: s.sent ?? order, pays, key }));
  try {
    const result = await ask(s, path(s, pays ? "/payments" : "/appointments"), { body: order, key });
    keep(s);
    if (result.checkout_url) {
      if (!isSafe(s, result.checkout_url)) throw Object.assign(new Error(), { kind: "unsafe-address", status: 502, body: {} });
      location.assign(result.checkout_url); // it still waits, so that the time stays held
      return;
    }
    if (result.confirm_by) finish(s, "held", result);
    else finish(s, result.status === "pending" ? "requested" : "booked", result, "booked");
  } catch (/** @type {any} */ error) {
    if (error.status) keep(s);
    else s.sent ??= order; // nobody knows yet whether it happened
    if (error.kind === "idempotency-key-reused" && s.sent && s.sent !== order) await book(s, s.sent, pays); // it did, so
    else refused(s, error);
  }
}

/**
 * @param {State} s
 * @param {any} error
 */
export function refused(s, error) {
  if (error.kind === "slot-unavailable") lost(s, error);
  // They are on the form now: whoever goes on has seen them.
  else fail(s, error, error.kind === "terms-changed" ? { terms: error.body.terms, key: newKey() } : {});
}

/**
 * @param {State} s
 * @param {string} [pending] Nothing: it is over. Undefined asks.
 */
export function keep({ wishes }, pending) {
  const name = `bookable:${wishes.business}`;
  try {
    const before = sessionStorage[name];
    delete sessionStorage[name];
    if (pending) sessionStorage[name] = pending;
    return before;
  } catch {
    // Without storage a reload begins anew.
  }
}

/**
 * Goes on with the order that a reload interrupted; false if there is none.
 *
 * @param {State} s
 */
export async function resume(s) {
  const { order, pays, key } = JSON.parse(keep(s) ?? "{}");
  const service = order && named(s.profile.services, order.service);
  if (!service) return false;
  Object.assign(s, { provider: order.provider ?? "", location: order.location });
  take(s, service);
  const form = { phone: "", ...order.customer, answers: order.answers };
  Object.assign(s, { key, slot: slotOf(order), who: s.provider, form, month: order.start.slice(0, 7), day: "" });
  go(s, "details");
  await book(s, order, pays);
  return true;
}

/**
 * @param {State} s
 * @param {import("./state.js").Outcome} outcome
 * @param {any} result
 * @param {string} [event]
 */
export function finish(s, outcome, result, event = outcome) {
  go(s, "done", { outcome, result, hold: "", heldUntil: 0 });
  s.emit(event, JSON.parse(JSON.stringify(result, TOLD)));
}
