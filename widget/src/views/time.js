/** Owns the step in which a time is chosen: whom and where, a month, the times of a day. */

import { select as choose } from "../booking.js";
import { locationsOf, providersOf } from "../catalogue.js";
import { addDays, addMonths, dateIn, monthWeeks, weekStart } from "../dates.js";
import { back } from "../flow.js";
import { h } from "../patch.js";
import { go, newKey, today } from "../state.js";
import { alter, load, reach, turn } from "../times.js";
import { button, field, problem, title } from "./frame.js";
import { priced } from "./services.js";
import { zones } from "./zones.js";

/** @typedef {import("./frame.js").Scene} Scene */

/** @param {Scene} scene */
export function time(scene) {
  const { s, t, f } = scene;
  const { place, service, profile, wishes, provider, location } = s;
  const meant = service ? providersOf(profile, service, location).filter(({ slug }) => !provider || slug === provider) : [];
  const goes = place ? t("Back") : profile.services.length > 1 && !wishes.service && t("Change");
  return [
    title(place ? t("Choose a new time") : service?.name),
    place && h("p", `${service?.name} · ${f.moment(Date.parse(place.start), s.free.zone ?? place.timezone)}`),
    h("p.row links", service && !place && h("span.price", priced(scene, service, meant)), goes && button("link", goes, () => back(s))),
    people(scene),
    problem(scene, () => load(s)),
    h("div.pick", { "aria-busy": !!s.waits }, month(scene), times(scene)),
    zones(scene),
  ];
}

/** What is said to who cannot see the month change. @param {Scene} scene */
export const announced = ({ s: { told }, t, f }) =>
  told && t("{month}, free days: {count}", { month: f.month(told.month), count: told.count });

/** @param {Scene} scene */
function people(scene) {
  const { s, t } = scene;
  const { profile, service, place, wishes, provider, location } = s;
  if (!service || place) return null;
  const required = true;
  const who = providersOf(profile, service, location).map(({ slug, name }) => [slug, name]);
  const places = locationsOf(profile, service, wishes.provider).map(({ slug, name }) => [slug, name]);
  return h(
    "div.row choices",
    places.length > 1 &&
      field(scene, "location", t("Where"), location, (to) => alter(s, { location: to, provider: wishes.provider, zone: wishes.timezone }), { required, options: places }),
    who.length > 1 &&
      !wishes.provider &&
      field(scene, "provider", t("With"), provider, (to) => alter(s, { provider: to }), { required, options: [["", t("Anybody")], ...who] }),
  );
}

/** @param {Scene} scene */
function month({ s, t, f }) {
  const { free, month: shown } = s;
  const now = today(s);
  const past = shown <= now.slice(0, 7);
  const weeks = monthWeeks(shown, f.firstDay);
  const focused = s.day.startsWith(shown) ? s.day : (free.freeIn(shown)[0] ?? (past ? now : `${shown}-01`));
  return h(
    "section.month",
    h(
      "div.row month-bar",
      h("h3.month-name", { id: "month" }, f.month(shown)),
      button("turn", "‹", () => past || turn(s, -1), { "aria-label": t("Previous month"), "aria-disabled": past || null }),
      button("turn", "›", () => turn(s, 1), { "aria-label": t("Next month") }),
    ),
    h(
      "table.days",
      { role: "grid", "aria-labelledby": "month", onkeydown: (/** @type {any} */ event) => keys(event, s, f.firstDay) },
      h("thead", h("tr", weeks[0]?.map((day) => h("th.weekday", { scope: "col", abbr: f.day(day, { weekday: "long" }) }, f.weekday(day))))),
      h(
        "tbody",
        weeks.map((week) =>
          h(
            "tr",
            week.map((day) => {
              if (!day.startsWith(shown)) return h("td");
              const count = free.of(day).length;
              const chosen = day === s.day;
              return h(
                "td",
                { "aria-selected": chosen },
                button(
                  `day${count ? " day-free" : ""}${chosen ? " day-chosen" : ""}`,
                  f.number(Number(day.slice(8))),
                  () => count && reach(s, day, "times"),
                  {
                    tabindex: day === focused ? 0 : -1,
                    "data-focus": chosen && "day",
                    "aria-disabled": count ? null : true,
                    "aria-current": day === now ? "date" : null,
                    "aria-label": t(count ? "{day}, free: {count}" : "{day}, nothing free", { day: f.day(day), count }),
                  },
                ),
              );
            }),
          ),
        ),
      ),
    ),
  );
}

/**
 * The keys of the grid pattern (ARIA Authoring Practices).
 *
 * @param {KeyboardEvent} event
 * @param {import("../state.js").State} s
 * @param {number} firstDay
 */
function keys(event, s, firstDay) {
  const { key, shiftKey, altKey, ctrlKey, metaKey, currentTarget } = event;
  const on = getComputedStyle(/** @type {Element} */ (currentTarget)).direction === "rtl" ? -1 : 1;
  const from = s.day || today(s);
  const months = shiftKey ? 12 : 1;
  /** @type {Record<string, string>} */
  const moves = {
    ArrowLeft: addDays(from, -on),
    ArrowRight: addDays(from, on),
    ArrowUp: addDays(from, -7),
    ArrowDown: addDays(from, 7),
    Home: weekStart(from, firstDay),
    End: addDays(weekStart(from, firstDay), 6),
    PageUp: addMonths(from, -months),
    PageDown: addMonths(from, months),
  };
  const to = moves[key];
  if (!to || altKey || ctrlKey || metaKey) return;
  event.preventDefault();
  reach(s, to);
}

/** @param {Scene} scene */
function times(scene) {
  const { s, t, f } = scene;
  const { free, day } = s;
  const slots = free.of(day);
  const labels = f.times(slots, free.zone);
  return h(
    "section.times",
    { "aria-labelledby": "day" },
    day && h("h3.day-name", { key: "day", id: "day", tabindex: -1, "data-focus": "times" }, f.day(day)),
    slots.length
      ? h(
          "ul.slots",
          slots.map((slot) =>
            h(
              "li",
              { key: slot.at },
              button("slot", /** @type {string} */ (labels.get(slot)), () => choose(s, slot)),
              slot.places_left && h("small.places", t("Places left: {count}", { count: f.number(slot.places_left) })),
            ),
          ),
        )
      : empty(scene),
  );
}

/** @param {Scene} scene */
function empty({ s, t, f }) {
  const { free, month: shown, place, noWaitlist } = s;
  if (s.waits || !free.nexts.has(shown)) return h("p.note", t("One moment…"));
  const next = free.nexts.get(shown);
  return h(
    "div.empty",
    h("slot", { name: "empty" }, h("p", next ? t("Nothing is free in {month}.", { month: f.month(shown) }) : t("Nothing is free now."))),
    next && button("submit", t("Next free: {day}", { day: f.date(next, { day: "numeric", month: "long", timeZone: free.zone }) }), () => reach(s, dateIn(free.zone, next), "times")),
    !place && !noWaitlist && s.service?.waitlist && button("quiet", t("Join the waitlist"), () => go(s, "waitlist", { key: newKey() })),
  );
}
