/** Owns what comes after: what was done, and an appointment that is there: moving it, cancelling it. */

import { again, back } from "../flow.js";
import { cancel, move, openPlace } from "../managing.js";
import { h } from "../patch.js";
import { fail, go, isSafe, newKey } from "../state.js";
import { enter } from "../times.js";
import { WAITING, answered, chosen, policy, waitDays } from "./details.js";
import { LATE, button, call, facts, link, problem, sender, title } from "./frame.js";

/** @typedef {import("./frame.js").Scene} Scene */

const INVITED = "The invitation goes to {email}.";
const CANCELLED = "Your appointment is cancelled";
/** @type {Record<string, string>} */
const HEADINGS = {
  pending: "Your request is sent",
  cancelled: CANCELLED,
  declined: "Your request could not be confirmed",
  expired: "Your request was not answered in time",
};

/** What has happened, and what comes next. */
const OUTCOMES = {
  booked: ["You are booked", INVITED],
  requested: ["Your request is sent", "{business} answers {email}."],
  rescheduled: ["Your appointment is moved", INVITED],
  held: ["Look into your mail", "The time is kept for you until {time}. Open the link in the mail to {email} to book it."],
  cancelled: [CANCELLED, ""],
  waitlisted: ["You are on the waitlist", WAITING],
};

/** @param {Scene} scene */
export function done(scene) {
  const { s, t } = scene;
  const { outcome, result, profile, form, wishes } = s;
  const [what = "", next = ""] = OUTCOMES[outcome];
  const token = result.manage_token ?? s.token;
  const email = form.email || result.customer?.email;
  return [
    next && outcome !== "held" && h("div.mark", { "aria-hidden": "true" }, "✓"),
    title(t(what)),
    problem(scene),
    h("slot", { name: "confirmation" }),
    result.start && facts(scene, result),
    next && h("p.note", t(next, { business: profile.name, email, time: result.confirm_by && scene.f.time(Date.parse(result.confirm_by)), ...(next === WAITING && waitDays(scene)) })),
    outcome === "booked" &&
      h(
        "p.row links",
        h("span", t("Add to calendar")),
        Object.entries(result.add_to_calendar).map(([name, href]) => isSafe(s, href) && link(href, name)),
      ),
    h(
      "p.row actions",
      token && next && button("quiet", t("Change or cancel"), () => openPlace(s, token).catch((error) => fail(s, error))),
      !wishes["manage-token"] && button("quiet", t("Book another"), () => again(s)),
    ),
  ];
}

/** @param {Scene} scene */
export function yours(scene) {
  const { s, t } = scene;
  const { place, profile } = s;
  const { can_cancel: cancels, can_reschedule: moves } = place.policy;
  const alive = /confirmed|pending/.test(place.status);
  return [
    title(t(HEADINGS[place.status] ?? "Your appointment")),
    place.status === "pending" && answered(scene),
    managed(scene),
    problem(scene),
    place.policy.unmovable === "not-offered" && h("p", t("This is no longer offered, so it cannot be moved.")),
    alive && !cancels && !moves && h("p", t(LATE), " ", call(profile.phone, t)),
    h(
      "p.row actions",
      moves && button("submit", t("Move"), () => enter(s)),
      cancels && button("quiet", t("Cancel appointment"), () => go(s, "cancel", { key: newKey() })),
    ),
  ];
}

/** @param {Scene} scene */
function managed(scene) {
  const { place, location } = scene.s;
  const { start, terms, timezone, provider, policy: now } = place;
  // By their own names: what was retired is in the profile no more.
  const names = [place.service.name, provider.name, place.location.name];
  return facts(scene, { start, terms, timezone, provider: provider.slug, location, names }, now.can_cancel && policy(scene, terms, Date.parse(start)));
}

/** @param {Scene} scene */
export const moving = (scene) =>
  sure(scene, "Choose a new time", [chosen(scene), scene.s.place.policy.asks_again && answered(scene)], sender(scene, scene.t("Move"), () => move(scene.s)), "Back");

/** @param {Scene} scene */
export const cancelling = (scene) =>
  sure(scene, "Cancel this appointment?", [managed(scene), problem(scene)], sender(scene, scene.t("Cancel appointment"), () => cancel(scene.s)), "Keep it");

/**
 * @param {Scene} scene
 * @param {string} question
 * @param {any} what
 * @param {any} yes
 * @param {string} no
 */
const sure = (scene, question, what, yes, no) => [
  title(scene.t(question)),
  what,
  h("p.row actions", yes, button("quiet", scene.t(no), () => back(scene.s))),
];
