/** Owns the first step: what would you like to book? */

import { h } from "../patch.js";
import { change } from "../state.js";
import { enter, take } from "../times.js";
import { field, title } from "./frame.js";

/** So many services want to be searched. */
const MANY = 10;

/** @param {import("./frame.js").Scene} scene */
export function services(scene) {
  const { s, t, f } = scene;
  const all = s.profile.services;
  const found = all.filter(({ name }) => name.toLowerCase().includes(s.search.toLowerCase()));
  return [
    title(t("What would you like to book?")),
    all.length > MANY && field(scene, "search", t("Search"), s.search, (search) => change(s, { search }), { required: true, type: "search" }),
    all.length
      ? h(
          "ul.services",
          found.map((service) =>
              h(
                "li",
                { key: service.slug },
                h(
                  "button.service",
                  { type: "button", onclick: () => (take(s, service), enter(s)) },
                  h("strong", service.name),
                  h("span.price", priced({ t, f }, service)),
                  h("span.note", service.description),
                ),
              ),
            ),
        )
      : h("p.note", t("Nothing is free now.")),
  ];
}

/**
 * @param {Pick<import("./frame.js").Scene, "t" | "f">} scene
 * @param {import("../catalogue.js").Service} service
 */
export const priced = ({ t, f }, { duration_min: minutes, price_minor: price, currency, currency_digits: digits }) =>
  `${f.length(minutes)} · ${price ? f.price(price, currency, digits) : t("Free")}`;
