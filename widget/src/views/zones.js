/** Owns saying which zone times are in, and choosing another. */

import { city, ownZone } from "../formats.js";
import { h } from "../patch.js";
import { change } from "../state.js";
import { alter } from "../times.js";
import { button } from "./frame.js";

/** @param {import("./frame.js").Scene} scene */
export function zones({ s, t, f }) {
  const { free, zonesOpen } = s;
  if (!free.zone) return null;
  const toggle = () => {
    change(s, { zonesOpen: !zonesOpen });
    s.focus("zones");
  };
  // Four hundred of them, made only when somebody asks; the browser searches them.
  const all = zonesOpen ? Intl.supportedValuesOf("timeZone") : [];
  return h(
    "div.zone",
    button("link", t("Times in {zone}", { zone: city(free.zone) }), toggle, { "aria-expanded": !!zonesOpen }),
    zonesOpen && [
      h("input.input", {
        list: "zones",
        "data-focus": "zones",
        "aria-label": t("Find your city"),
        placeholder: ownZone(),
        onchange: (/** @type {any} */ { target }) => all.includes(target.value) && alter(s, { zone: target.value }),
      }),
      h("datalist", { id: "zones" }, all.map((value) => h("option", { value }, `${city(value)}, ${f.time(Date.now(), value, "shortOffset")}`))),
    ],
  );
}
