/** Owns the form: who books, what the service asks, and on which terms. Also joining the waitlist. */

import { select, shownTerms, submit } from "../booking.js";
import { back } from "../flow.js";
import { join, waitRange } from "../managing.js";
import { h } from "../patch.js";
import { button, facts, field, form, problem, sender, title } from "./frame.js";

/** @typedef {import("./frame.js").Scene} Scene */

/** @param {Scene} scene */
export function details(scene) {
  const { s, t, f } = scene;
  const { service } = s;
  if (!service) return [];
  const { payment, currency, currency_digits: digits, questions, phone_required: phone } = service;
  const { approval, price_minor: price } = shownTerms(s);
  const label = payment === "online" && price ? t("Pay {price}", { price: f.price(price, currency, digits) }) : t(approval === "manual" ? "Send request" : "Book");
  return [
    title(t("Your details")),
    chosen(scene, () => submit(s)),
    form(
      () => submit(s),
      who(scene, phone),
      questions.map(({ key, label: text, kind, required, options }) =>
        field(scene, `q-${key}`, text, s.form.answers[key], (value) => (s.form.answers[key] = value), {
          required,
          tag: kind === "long_text" ? "textarea" : undefined,
          // "yes" and "no" are said in the visitor's language; other options are the business's own words.
          options: options.length ? [["", "–"], ...options.map((each) => [each, t(each)])] : undefined,
        }),
      ),
      s.slot && policy(scene, shownTerms(s), s.slot.at),
      approval === "manual" && answered(scene),
      actions(scene, label),
    ),
  ];
}

/** @param {Scene} scene */
export const answered = ({ s, t }) => h("p.note", t("{business} confirms each request by mail.", { business: s.profile.name }));

/**
 * @param {Scene} scene
 * @param {string} label
 */
const actions = (scene, label) => h("p.row actions", sender(scene, label), button("quiet", scene.t("Back"), () => back(scene.s)));

/**
 * The time that was chosen, how long it is held, what went wrong, and what there is if it was taken.
 *
 * @param {Scene} scene
 * @param {() => void} [again]
 */
export function chosen(scene, again) {
  const { s, t, f } = scene;
  const { slot, heldUntil, holdOver, works, instead, who, location, free } = s;
  if (!slot) return null;
  return [
    facts(
      scene,
      { start: slot.start, terms: shownTerms(s), provider: who, location },
      heldUntil && h("p.hold", { role: "timer" }, t("Held for you: {time}", { time: f.clock(heldUntil - Date.now()) })),
      works && h("p.hold", { role: "status" }, t("Checking…")),
      holdOver && h("p.hold", { role: "status" }, t("No longer held, but maybe still free.")),
    ),
    problem(scene, again),
    instead?.length &&
      h(
        "div.empty",
        h("p", t("These are free:")),
        h("ul.instead", instead.map((each) => h("li", { key: each.at }, button("quiet", f.moment(each.at, free.zone), () => select(s, each))))),
      ),
  ];
}

/**
 * @param {Scene} scene
 * @param {boolean} [phone]
 */
function who(scene, phone) {
  const { s, t } = scene;
  /** @type {["name" | "email" | "phone", string, string?, string?][]} */
  const fields = [["name", "Name", "name", "text"], ["email", "Email"], ["phone", "Phone", "tel"]];
  return fields.map(
    ([name, label, autocomplete = name, type = autocomplete]) =>
      (name !== "phone" || phone) &&
      field(scene, name, t(label), s.form[name], (value) => (s.form[name] = value), { required: true, type, autocomplete }),
  );
}

/**
 * What changing an appointment at *at* costs.
 *
 * @param {Scene} scene
 * @param {import("../catalogue.js").Terms} terms
 * @param {number} at
 */
export function policy({ s, t, f }, { change_window_min: minutes, cancel_fee_minor: fee, currency, currency_digits: digits }, at) {
  if (!minutes) return null;
  const until = at - minutes * 60_000;
  const still = until > Date.now();
  const [later, now] = fee ? ["Then it costs {fee}.", "Cancelling now costs {fee}."] : ["Then only by phone.", "It cannot be changed or cancelled online."];
  return h("p.note", [
    still && t("Free to cancel until {time}.", { time: f.moment(until, s.free.zone ?? s.place?.timezone) }),
    " ",
    t(still ? later : now, { fee: f.price(fee, currency, digits) }),
  ]);
}

export const WAITING = "We mail you if a time becomes free between {from} and {to}.";

/** Of which days, in words. @param {Scene} scene */
export const waitDays = ({ s, f }) => ({ from: f.day(waitRange(s).from), to: f.day(waitRange(s).to) });

/** @param {Scene} scene */
export function waitlist(scene) {
  const { s, t } = scene;
  const send = () => join(s);
  return [
    title(t("Join the waitlist")),
    h("p.note", t(WAITING, waitDays(scene))),
    problem(scene, send),
    form(send, who(scene, s.service?.phone_required), actions(scene, t("Join"))),
  ];
}
