/** Owns what several steps share: a title, a button, a field, a time, and what went wrong. */

import { named } from "../catalogue.js";
import { h } from "../patch.js";
import { customerZone } from "../state.js";

/**
 * What a view is given: what is known, words in a language, and formats.
 *
 * @typedef {{ s: import("../state.js").State, f: import("../formats.js").Formats, language: string,
 *   t: import("../words.js").Say }} Scene
 */

/**
 * @param {string} part
 * @param {string} label
 * @param {(event: any) => void} onclick
 * @param {Record<string, any>} [more]
 */
export const button = (part, label, onclick, more) => h(`button.${part}`, { type: "button", onclick, ...more }, label);

/**
 * A button that sends, and cannot be pressed twice; it stays in focus meanwhile.
 *
 * @param {Scene} scene
 * @param {string} label
 * @param {(event: any) => void} [onclick] None: it sends its form.
 */
export const sender = ({ s, t }, label, onclick) =>
  h("button.submit", { onclick, "aria-disabled": s.waits || null }, s.waits ? t("One moment…") : label);

/** @param {string | undefined} text */
export const title = (text) => h("h2.title", { tabindex: -1, "data-focus": "title" }, text);

/**
 * @param {string} href
 * @param {string} text
 */
export const link = (href, text) => h("a.link", { href, target: "_blank" }, text);

/**
 * A form of fields and one button.
 *
 * @param {() => void} send
 * @param {...any} children
 */
export const form = (send, ...children) =>
  h(
    "form.form",
    {
      novalidate: "",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        send();
      },
    },
    children,
  );

/**
 * A field, with what is wrong with it.
 *
 * @param {Scene} scene
 * @param {string} name
 * @param {string} label
 * @param {string | undefined} value
 * @param {(value: string) => void} set
 * @param {{ required?: boolean, options?: string[][], tag?: string } & Record<string, any>} [how] *options* are values
 *   with their texts.
 */
export function field({ s, t }, name, label, value = "", set, { required, options, tag = options ? "select" : "input", ...more } = {}) {
  const wrong = s.wrong[name];
  const id = wrong && `${name}-wrong`;
  return h(
    "p.field",
    { key: name },
    h("label.label", { for: name }, label, !required && h("small", ` (${t("optional")})`)),
    h(
      `${tag}.input`,
      {
        id: name,
        name,
        value,
        oninput: (/** @type {any} */ { target }) => set(target.value),
        "aria-required": required,
        "aria-invalid": id && true,
        "aria-describedby": id,
        "data-focus": id && "wrong",
        ...more,
      },
      options?.map(([key, text = key]) => h("option", { key, value: key }, text)),
    ),
    id && h("span.mistake", { id }, t(/** @type {string} */ (wrong))),
  );
}

const TAKEN = "This time was just taken.";
export const LATE = "Too late to change this online.";
const ELSEWHERE = "This cannot be booked online. Please contact us.";
/** @type {Record<string, string>} */
const PROBLEMS = {
  "slot-unavailable": TAKEN,
  "slot-not-offered": TAKEN,
  "policy-window-closed": LATE,
  "terms-changed": "The price or the conditions have changed. Please look again.",
  "customer-limit-reached": "You cannot book any more of these.",
  "quota-reached": "That is enough for now. Open the link in our mail, or try again later.",
  "not-bookable-online": ELSEWHERE,
  "payment-refused": ELSEWHERE,
};

/**
 * What went wrong, and what to do about it.
 *
 * @param {Scene} scene
 * @param {(() => void) | undefined} [again]
 */
export function problem({ s, t }, again) {
  const { problem: what, profile, offline, wrong, base, wishes } = s;
  if (offline) return h("p.problem", { role: "alert" }, t("You are offline. What you typed is kept, and sent later."));
  if (!what || Object.keys(wrong).length) return null;
  const unnamed = what.kind === "not-found" && !profile && !wishes["manage-token"];
  const known = unnamed ? "There is no business with this name." : PROBLEMS[what.kind];
  return h(
    "div.problem",
    { role: "alert", tabindex: -1, "data-focus": "problem" },
    h("p", t(known ?? "This did not work. What you typed is kept.")),
    !known && h("p.row links", again && button("link", t("Try again"), again), link(`${base}/book/${wishes.business}`, t("Booking page")), call(profile?.phone, t)),
  );
}

/**
 * @param {string | undefined} phone
 * @param {Scene["t"]} t
 */
export const call = (phone, t) => phone && link(`tel:${phone}`, t("Call {phone}", { phone: `\u200e${phone}` }));

/**
 * @param {Pick<Scene, "t" | "f">} scene
 * @param {import("../catalogue.js").Terms} terms
 */
const cost = ({ t, f }, { duration_min: minutes, price_minor: price, currency, currency_digits: digits }) =>
  `${f.length(minutes)} · ${price ? f.price(price, currency, digits) : t("Free")}`;

/**
 * What, with whom, where and when: in the place's zone, and in the customer's own where that differs.
 *
 * @param {Scene} scene
 * @param {{ start: string, terms?: import("../catalogue.js").Terms, provider?: string, location?: string,
 *   timezone?: string, names?: string[] }} chosen
 * @param {...any} more
 */
export function facts({ s, t, f }, { start, terms, provider, location, timezone, names }, ...more) {
  const { profile, service } = s;
  const at = Date.parse(start);
  const own = customerZone(s);
  const where = named(profile.locations, location);
  const zone = timezone || (where?.online ? own : where?.timezone);
  const time = f.moment(at, own);
  return h(
    "div.chosen",
    h("p", (names ?? [service?.name, named(profile.providers, provider)?.name, where?.name]).filter(Boolean).join(" · ")),
    h("p.when", h("strong", f.moment(at, zone))),
    time !== f.moment(at, zone) && h("p.note", t("{time} in your time zone ({zone})", { time, zone: f.zone(at, own) })),
    where?.address && h("p.note", where.address),
    terms && (names || service) && h("p.price", cost({ t, f }, terms)),
    more,
  );
}
