/** Owns saying which zone times are in, and choosing another. */

import { city } from "../formats.js";
import { h } from "../patch.js";
import { change } from "../state.js";
import { alter } from "../times.js";
import { button, field } from "./frame.js";

/** @param {import("./frame.js").Scene} scene */
export function zones(scene) {
  const { s, t, f } = scene;
  const { free, zonesOpen } = s;
  if (!free.zone) return null;
  const toggle = () => {
    change(s, { zonesOpen: !zonesOpen });
    s.focus("zones");
  };
  // Four hundred of them, made only when somebody asks; the browser searches them.
  const all = zonesOpen ? Intl.supportedValuesOf("timeZone") : [];
  const choose = (/** @type {string} */ typed) => {
    s.city = typed;
    if (all.includes(typed)) alter(s, { zone: typed, city: "" }).then(() => s.focus("times"));
  };
  return h(
    "div.zone",
    button("link", t("Times in {zone}", { zone: f.zone(free.of(s.day)[0]?.at ?? Date.now(), free.zone) }), toggle, { "aria-expanded": !!zonesOpen }),
    zonesOpen && [
      field(scene, "zones", t("Find your city"), s.city, choose, { required: true, list: "zones-all", "data-focus": "zones" }),
      h("datalist", { id: "zones-all" }, all.map((value) => h("option", { value }, city(value)))),
    ],
  );
}
