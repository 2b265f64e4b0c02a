/**
 * Owns what follows from a business's profile: who offers what where, and what a form has to ask.
 *
 * No DOM, no network. Leaves times to `month.js`.
 */

/**
 * @typedef {{ slug: string, name: string, timezone: string, online: boolean, address: string }} Location
 * @typedef {{ slug: string, name: string, title: string, bio: string, locations: string[] }} Provider
 * @typedef {{ key: string, label: string, kind: "text" | "long_text" | "choice" | "yes_no", required: boolean, options: string[] }} Question
 * @typedef {{ slug: string, name: string, description: string, duration_min: number, price_minor: number,
 *   currency: string, currency_digits: number, capacity: number, approval: "automatic" | "manual", payment: "on_site" | "online",
 *   questions: Question[], phone_required: boolean, waitlist: boolean, change_window_min: number, cancel_fee_minor: number,
 *   providers: string[], provider_terms: Record<string, Partial<Terms>> }} Service
 * @typedef {{ duration_min: number, price_minor: number, currency: string, currency_digits: number, change_window_min: number,
 *   cancel_fee_minor: number, approval: "automatic" | "manual" }} Terms What it takes and costs, and changing it costs.
 * @typedef {{ slug: string, name: string, description: string, phone: string, theme: Record<string, any>,
 *   locations: Location[], services: Service[], providers: Provider[], policies: { hold_s: number, most_days: number },
 *   availability?: any }} Profile
 * @typedef {{ name: string, email: string, phone: string, answers: Record<string, string | undefined> }} Form
 */

/**
 * @template {{ slug: string }} T
 * @param {T[]} things
 * @param {string | null | undefined} slug
 */
export const named = (things, slug) => things.find((thing) => thing.slug === slug);

/**
 * Who offers *service*, at *location* if one is named.
 *
 * @param {Profile} profile
 * @param {Service} service
 * @param {string} [location]
 */
export const providersOf = (profile, service, location) =>
  profile.providers.filter(
    ({ slug, locations }) => service.providers.includes(slug) && (!location || locations.includes(location)),
  );

/**
 * What *service* takes and costs with *provider*.
 *
 * @param {Service} service
 * @param {string | undefined} provider
 * @returns {Terms}
 */
export const termsWith = (service, provider = "") => ({ ...service, ...service.provider_terms[provider] });

/**
 * Whether it matters to the customer which of *providers* it is.
 *
 * @param {Service} service
 * @param {string[]} providers
 */
export const differs = (service, providers) =>
  new Set(providers.map((slug) => [termsWith(service, slug).duration_min, termsWith(service, slug).price_minor].join())).size > 1;

/**
 * Where *service* takes place.
 *
 * @param {Profile} profile
 * @param {Service} service
 * @param {string} [provider]
 */
export function locationsOf(profile, service, provider) {
  const people = providersOf(profile, service).filter(({ slug }) => !provider || slug === provider);
  return profile.locations.filter(({ slug }) => people.some(({ locations }) => locations.includes(slug)));
}

/**
 * The location that is probably meant: the one that was named, else the one in the visitor's zone, else the first.
 *
 * @param {Location[]} locations
 * @param {string | null | undefined} wanted
 * @param {string} zone
 */
export const likelyLocation = (locations, wanted, zone) =>
  named(locations, wanted) ?? locations.find(({ timezone }) => timezone === zone) ?? locations[0];

export const FILL = "Please fill this in.";
export const ADDRESS = "Please write it like name@example.com.";

const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

/**
 * What is wrong with a form, by field.
 *
 * @param {Form} form
 * @param {Service} service
 * @returns {Record<string, string>}
 */
export function mistakes(form, service) {
  /** @type {Record<string, string>} */
  const found = {};
  if (!form.name.trim()) found.name = FILL;
  if (!EMAIL.test(form.email.trim())) found.email = ADDRESS;
  if (service.phone_required && form.phone.replace(/\D/g, "").length < 6) found.phone = FILL;
  for (const { key, required } of service.questions) {
    if (required && !form.answers[key]?.trim()) found[`q-${key}`] = FILL;
  }
  return found;
}
