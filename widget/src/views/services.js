/** Owns the first step: what would you like to book? */

import { h } from "../patch.js";
import { enter, take } from "../times.js";
import { title } from "./frame.js";

/** @param {import("./frame.js").Scene} scene */
export function services({ s, t, f }) {
  const all = s.profile.services;
  return [
    title(t("What would you like to book?")),
    all.length
      ? h(
          "ul.services",
          { key: "services" },
          all.map((service) =>
              h(
                "li",
                { key: service.slug },
                h(
                  "button.service",
                  { type: "button", onclick: () => (take(s, service), enter(s)) },
                  h("strong", service.name),
                  h("span", priced({ t, f }, service)),
                  h("span.note", service.description),
                ),
              ),
            ),
        )
      : h("p.note", t("Nothing is free at the moment.")),
  ];
}

/**
 * @param {Pick<import("./frame.js").Scene, "t" | "f">} scene
 * @param {import("../catalogue.js").Service} service
 */
export const priced = ({ t, f }, { duration_min: minutes, price_minor: price, currency }) =>
  `${f.length(minutes)} · ${price ? f.price(price, currency) : t("Free")}`;
