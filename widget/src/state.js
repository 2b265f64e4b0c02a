/**
 * Owns what is known while somebody books: one plain object, and the few ways to change it.
 *
 * Leaves the steps to their modules. Whether a time is really free is decided by the server alone.
 */

import { written } from "./api.js";
import { ADDRESS, FILL, named } from "./catalogue.js";
import { dateIn } from "./dates.js";
import { ownZone } from "./formats.js";
import { FreeTimes } from "./month.js";

/**
 * @typedef {import("./api.js").Problem} Problem
 * @typedef {import("./catalogue.js").Form} Form
 * @typedef {import("./month.js").Slot} Slot
 * @typedef {"booked" | "requested" | "held" | "rescheduled" | "cancelled" | "waitlisted"} Outcome
 * @typedef {Record<string, string>} Wishes What the element's attributes say, by their names.
 * @typedef {{ noWaitlist: boolean, draw: () => void, emit: (name: string, detail: any) => boolean, focus: (what: string) => void }} Stage
 *   Where it is shown: drawn again, told to the page, brought into focus.
 * @typedef {"loading" | "services" | "time" | "details" | "move" | "done" | "waitlist" | "yours" | "cancel" |
 *   "failed"} Step
 */

/**
 * @typedef {object} Known What is not listed in `newState` is unset at first.
 * @property {string} base Of the server: `https://book.example`.
 * @property {Wishes} wishes
 * @property {string} locale
 * @property {(offline: boolean) => void} onoffline
 * @property {Step} step
 * @property {import("./catalogue.js").Profile} profile
 * @property {import("./catalogue.js").Service} [service]
 * @property {string} search What services are looked for by.
 * @property {string} [city] What a zone is looked for by.
 * @property {string} provider Empty: whoever is free.
 * @property {string} location
 * @property {string} zone That times are to be shown in; empty: the location's.
 * @property {FreeTimes} free
 * @property {string} month
 * @property {string} day
 * @property {{ month: string, count: number }} [told] What who cannot see it was told last: free days of a month.
 * @property {EventSource} [stream]
 * @property {string} [heard] Its address: each month has one of its own.
 * @property {boolean} [zonesOpen]
 * @property {Slot} [slot]
 * @property {string} [who] Whom the chosen time is with, if that is known, or matters to what it costs.
 * @property {import("./catalogue.js").Terms} [terms] What the hold promises.
 * @property {string} [hold]
 * @property {number} [heldUntil] When the hold runs out, in milliseconds of this browser's clock.
 * @property {boolean} [holdOver]
 * @property {Form} form
 * @property {Record<string, string>} wrong What is wrong, by field.
 * @property {Problem} [problem]
 * @property {Slot[]} [instead] Other times, where the chosen one was taken.
 * @property {string} [key] The Idempotency-Key of what is being done: repeated, it is done once.
 * @property {any} [sent] An order of which nobody knows whether it arrived.
 * @property {boolean} [waits] For an answer.
 * @property {boolean} [offline]
 * @property {(works: boolean) => void} onwork
 * @property {boolean} [works] This device does the work that the business asks of strangers.
 * @property {Outcome} outcome
 * @property {any} [result]
 * @property {any} [place] The appointment that is managed, and the token that opens it.
 * @property {string} token
 * @property {number} seconds That it is there; from a number that differs, so that not all widgets ask at once.
 * @property {AbortController} over
 *
 * @typedef {Known & Stage} State
 */

/**
 * @param {string} base
 * @param {Wishes} wishes
 * @param {string} locale
 * @param {Stage} stage
 * @returns {State}
 */
export const newState = (base, wishes, locale, stage) =>
  /** @type {any} */ ({
    ...stage,
    base,
    wishes,
    locale: locale.replace(/-u-.*/, ""),
    provider: wishes.provider,
    location: wishes.location,
    zone: wishes.timezone,
    token: wishes["manage-token"],
    form: { name: wishes["prefill-name"], email: wishes["prefill-email"], phone: wishes["prefill-phone"], answers: {} },
    search: "",
    wrong: {},
    free: new FreeTimes(),
    seconds: Math.floor(Math.random() * 30),
    over: new AbortController(),
  });

/**
 * Whether an address that the server names may be opened: over TLS, in a calendar app, or as the server itself is. The
 * script may be pinned by its integrity while what it is answered is not.
 *
 * @param {Pick<State, "base">} s
 * @param {string} url
 */
export const isSafe = ({ base }, url) => URL.canParse(url) && ["https:", "webcal:", new URL(base).protocol].includes(new URL(url).protocol);

/** Enough for an Idempotency-Key; `randomUUID` is missing on pages without TLS. */
export const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

/**
 * @param {State} s
 * @param {Partial<State>} changes
 */
export function change(s, changes) {
  Object.assign(s, changes);
  s.draw();
}

/**
 * The next step; its title gets the focus.
 *
 * @param {State} s
 * @param {Step} step
 * @param {Partial<State>} [changes]
 */
export function go(s, step, changes) {
  change(s, { wrong: {}, problem: undefined, waits: false, zonesOpen: false, ...changes, step });
  s.focus("title");
}

/**
 * @param {State} s
 * @param {any} error
 * @param {Partial<State>} [changes]
 */
export function fail(s, error, changes) {
  if (!error.kind) throw error; // a mistake of ours
  /** @type {Record<string, string>} */
  const wrong = {};
  for (const { pointer } of error.body.errors ?? []) {
    const [, part, key] = pointer.split("/");
    if (part === "answers") wrong[`q-${key}`] = FILL;
    else if (key in s.form) wrong[key] = key === "email" ? ADDRESS : FILL;
  }
  change(s, { waits: false, ...changes, problem: error, wrong });
  s.focus(Object.keys(wrong).length ? "wrong" : "problem");
  s.emit("error", { type: error.kind, status: error.status, detail: error.message });
}

/**
 * What the API's path of the business begins with.
 *
 * @param {State} s
 * @param {string} rest
 */
export const path = ({ wishes }, rest) => `/v1/businesses/${wishes.business}${rest}`;

/**
 * What availability, a hold and a booking all ask for.
 *
 * @param {State} s
 */
export const asked = ({ service, wishes, provider, location }) => ({
  service: service?.slug ?? wishes.service,
  provider,
  location,
});

/** @param {Record<string, string | undefined>} values What is not set is left out. */
export const query = (values) => `?${new URLSearchParams(JSON.parse(written(values)))}`;

/** @param {State} s */
export const today = ({ free }) => dateIn(free.zone);

/**
 * The customer's own: what they chose, else where they are.
 *
 * @param {State} s
 */
export const customerZone = ({ zone }) => zone || ownZone();

/**
 * The zone that times are asked for in; empty: the place's. Who comes to a place needs its time; who sits before a
 * screen, their own.
 *
 * @param {State} s
 */
export const shownZone = ({ zone, profile, location }) => zone || (named(profile.locations, location)?.online ? ownZone() : "");
