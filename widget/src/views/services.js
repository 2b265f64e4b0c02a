/** Owns the first step: what would you like to book? */

import { providersOf, termsWith } from "../catalogue.js";
import { h } from "../patch.js";
import { change } from "../state.js";
import { enter, take } from "../times.js";
import { field, title } from "./frame.js";

/** So many services want to be searched. */
const MANY = 10;

/** @param {import("./frame.js").Scene} scene */
export function services(scene) {
  const { s, t } = scene;
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
                  h("span.price", priced(scene, service, providersOf(s.profile, service))),
                  h("span.note", service.description),
                ),
              ),
            ),
        )
      : h("p.note", t("Nothing is free now.")),
  ];
}

/**
 * What *service* takes and costs with whoever of *providers* it will be.
 *
 * @param {Pick<import("./frame.js").Scene, "t" | "f">} scene
 * @param {import("../catalogue.js").Service} service
 * @param {{ slug: string }[]} providers
 */
export function priced({ t, f }, service, providers) {
  const all = providers.length ? providers.map(({ slug }) => termsWith(service, slug)) : [service];
  const minutes = all.map(({ duration_min }) => duration_min);
  const prices = all.map(({ price_minor }) => price_minor);
  const [least, most] = [Math.min(...minutes), Math.max(...minutes)];
  const price = f.price(Math.min(...prices), service.currency, service.currency_digits);
  const costs = new Set(prices).size > 1 ? t("from {price}", { price }) : prices[0] ? price : t("Free");
  return `${least < most ? `${f.length(least)} – ` : ""}${f.length(most)} · ${costs}`;
}
