/**
 * Owns looking for a time: what is asked for when, moving through months, and hearing what others take meanwhile.
 *
 * Leaves what a month knows to `month.js`.
 */

import { ask } from "./api.js";
import { likelyLocation, locationsOf, providersOf } from "./catalogue.js";
import { addMonths, dateIn } from "./dates.js";
import { ownZone } from "./formats.js";
import { FreeTimes, rangeOf } from "./month.js";
import { asked, change, fail, go, path, query, shownZone, today } from "./state.js";

/**
 * @typedef {import("./state.js").State} State
 */

const POLL_S = 45;

/**
 * *service*, by whom and where it can be had.
 *
 * @param {State} s
 * @param {import("./catalogue.js").Service} service
 */
export function take(s, service) {
  if (!providersOf(s.profile, service).some(({ slug }) => slug === s.provider)) s.provider = "";
  const where = likelyLocation(locationsOf(s.profile, service, s.provider), s.location, ownZone());
  s.service = service;
  s.location = where?.slug ?? "";
}

/**
 * The step, with the first month that has anything.
 *
 * @param {State} s
 * @param {any} [answer] About this month, if it came already.
 */
export async function enter(s, answer) {
  s.free = new FreeTimes();
  const month = today(s).slice(0, 7);
  if (answer) s.free.learn(answer, month);
  go(s, "time", { month, day: "" });
  if (answer) listen(s);
  if (answer || (await load(s))) await arrive(s);
}

/** @param {State} s */
async function arrive(s) {
  const now = s.place ? dateIn(s.free.zone, Date.parse(s.place.start)) : ""; // who moves, moves from there
  const month = now.slice(0, 7);
  if (month > s.month) await show(s, month);
  const next = s.free.nexts.get(s.month);
  if (next && !s.free.freeIn(s.month)[0]) await show(s, dateIn(s.free.zone, next).slice(0, 7));
  const free = s.free.freeIn(s.month);
  change(s, { day: free.find((day) => day >= now) ?? free[0] ?? "" });
}

/**
 * Another provider, location or zone: the time that was looked at stays, if it is still there.
 *
 * @param {State} s
 * @param {Partial<State>} changes
 */
export async function alter(s, changes) {
  const looked = s.free.of(s.day)[0]?.at;
  Object.assign(s, changes, { zonesOpen: false });
  if (s.service) take(s, s.service);
  s.free = new FreeTimes();
  if (!(await load(s))) return;
  const day = s.free.dayOf(looked);
  if (day) change(s, { day, month: day.slice(0, 7) });
  else await arrive(s);
}

/**
 * @param {State} s
 * @param {string} month
 */
export async function show(s, month) {
  change(s, { month, waits: false });
  await load(s, s.free.nexts.has(month));
  change(s, { told: { month, count: s.free.freeIn(month).length } });
}

/**
 * Where the keyboard goes, not into the past; a month is fetched when it gets there.
 *
 * @param {State} s
 * @param {string} day
 * @param {string} [focus]
 */
export async function reach(s, day, focus = "day") {
  const now = today(s);
  change(s, { day: day < now ? now : day });
  const month = s.day.slice(0, 7);
  const shown = month !== s.month && show(s, month);
  s.focus(focus);
  await shown;
}

/**
 * @param {State} s
 * @param {number} months
 */
export async function turn(s, months) {
  const first = addMonths(`${s.month}-01`, months);
  await reach(s, first, "");
  if (first.startsWith(s.month)) change(s, { day: s.free.freeIn(s.month)[0] ?? "" });
}

/**
 * Whether what came is still what is looked at.
 *
 * @param {State} s
 * @param {boolean} [quietly] Nobody asked: what cannot be had now can be had later.
 */
export async function load(s, quietly) {
  const { month, free } = s;
  const here = () => free === s.free && month === s.month && s.step === "time";
  if (!quietly) change(s, { waits: true });
  try {
    const answer = await ask(s, whereFree(s, { ...rangeOf(month, today(s)), tz: shownZone(s) }));
    free.learn(answer, month);
    change(s, quietly || !here() ? {} : { waits: false, problem: undefined });
    if (here()) listen(s);
  } catch (error) {
    if (here() && !quietly) fail(s, error);
  }
  return here();
}

/**
 * Whoever moves asks with their own appointment, which does not stand in its way.
 *
 * @param {State} s
 * @param {Record<string, string>} days
 */
const whereFree = (s, days) =>
  s.place
    ? `/v1/appointments/${s.token}/availability${query({ ...days, provider: s.provider })}`
    : path(s, `/availability${query({ ...asked(s), ...days })}`);

/**
 * Others may have taken something meanwhile. Only while times are looked at.
 *
 * @param {State} s
 */
export const look = (s) => !document.hidden && s.step === "time" && load(s, true);

/**
 * Looks now and then, called each second, where the server does not say when.
 *
 * @param {State} s
 */
export const poll = (s) => s.stream || ++s.seconds % POLL_S || look(s);

/**
 * Looks whenever the server says so. Only in the tab that is shown: a stream per hidden one would use up a browser's
 * connections.
 *
 * @param {State} s
 */
export function listen(s) {
  const wanted = document.hidden || s.over.signal.aborted ? "" : s.free.stream;
  if (s.stream && s.heard === wanted) return;
  s.stream?.close();
  s.stream = undefined;
  s.heard = wanted;
  if (!wanted) return;
  s.stream = new EventSource(wanted);
  s.stream.onmessage = () => setTimeout(() => look(s), Math.random() * 500);
  s.stream.onerror = () => s.stream?.readyState === 2 && (s.stream = undefined); // sent away: it asks by itself
}
