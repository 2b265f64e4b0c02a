/**
 * Owns the way through: beginning, going back, beginning again.
 *
 * Leaves each step to its module.
 */

import { ask } from "./api.js";
import { keep, letGo, resume, tick } from "./booking.js";
import { named } from "./catalogue.js";
import { openPlace } from "./managing.js";
import { rangeOf } from "./month.js";
import { asked, change, fail, go, path, query, shownZone, today } from "./state.js";
import { enter, listen, look, poll, take } from "./times.js";

/**
 * @typedef {import("./state.js").State} State
 */

/**
 * False if it could not begin.
 *
 * @param {State} s
 */
export async function start(s) {
  const { signal } = s.over;
  const clock = setInterval(() => (tick(s), poll(s)), 1000);
  document.addEventListener("visibilitychange", () => (look(s), listen(s)), { signal });
  addEventListener("pagehide", () => letGo(s), { signal });
  addEventListener("pageshow", ({ persisted }) => persisted && change(s, { waits: false, holdOver: !s.hold }), { signal });
  signal.onabort = () => (clearInterval(clock), s.stream?.close(), letGo(s), (s.slot = undefined));
  s.onoffline = (offline) => change(s, { offline });
  s.onwork = (works) => change(s, { works });
  try {
    await (s.token ? openPlace(s, s.token) : open(s));
    return true;
  } catch (error) {
    fail(s, error, { step: "failed" });
    return false;
  }
}

/**
 * The business and, where it is clear which service is meant, its free times: in one answer.
 *
 * @param {State} s
 */
async function open(s) {
  const { service, timezone } = s.wishes;
  const month = today(s).slice(0, 7);
  const wanted = { include: "availability", ...rangeOf(month, today(s)), ...asked(s), tz: timezone };
  s.profile = await ask(s, path(s, query(wanted)));
  if (await resume(s)) return;
  const { services, availability } = s.profile;
  const only = services.length === 1 ? services[0] : named(services, service);
  if (!only) {
    go(s, "services");
    return;
  }
  take(s, only);
  // What came along was for every place, in the place's zone.
  const fits =
    s.provider === s.wishes.provider &&
    (s.profile.locations.length < 2 || s.location === s.wishes.location) &&
    shownZone(s) === timezone;
  await enter(s, fits ? availability : undefined);
}

/** @param {State} s */
export function back(s) {
  const { step, place, waits } = s;
  if (waits && step !== "time") return; // it cannot be called back
  letGo(s);
  keep(s);
  if (step === "time" || step === "cancel") go(s, place ? "yours" : "services");
  else {
    go(s, "time", { instead: undefined });
    look(s);
  }
}

/**
 * From the beginning, with what the customer typed.
 *
 * @param {State} s
 */
export async function again(s) {
  Object.assign(s, { place: undefined, token: "", form: { ...s.form, answers: {} } });
  if (s.service && (s.wishes.service || s.profile.services.length === 1)) await enter(s);
  else go(s, "services");
}
