/**
 * Owns the element: attributes in, events out, when it begins and ends, where it is drawn.
 *
 * Leaves the steps to `flow.js`, the parts to `views`.
 */

import { start } from "./flow.js";
import { Formats, regional } from "./formats.js";
import { h, patch } from "./patch.js";
import { newState } from "./state.js";
import styles from "./theme.css";
import { look } from "./times.js";
import tokens from "../../server/static/tokens.css";
import { button, problem } from "./views/frame.js";
import { cancelling, done, moving, yours } from "./views/outcome.js";
import { details, waitlist } from "./views/details.js";
import { services } from "./views/services.js";
import { announced, time } from "./views/time.js";
import { known, wordsOf } from "./words.js";

const ATTRIBUTES = (
  "business service provider location locale timezone theme layout prefill-name prefill-email prefill-phone " +
  "manage-token no-waitlist src"
).split(" ");

const VIEWS = { services, time, details, move: moving, done, waitlist, yours, cancel: cancelling };

/** Where this file came from: the server that it talks to, and the folder that has the other languages. */
const HERE = import.meta.url;

const SHEET = new CSSStyleSheet();
SHEET.replaceSync(tokens + styles);

export class BookableWidget extends HTMLElement {
  static observedAttributes = ATTRIBUTES;

  /** @type {import("./state.js").State | undefined} */
  #state;
  /** @type {IntersectionObserver | undefined} */
  #observer;
  /** @type {import("./views/frame.js").Scene | undefined} */
  #scene;
  #root = this.attachShadow({ mode: "open" });
  #used = false;
  #opens = false;
  #focus = "";

  constructor() {
    super();
    for (const name of ATTRIBUTES) this.#mirror(name);
  }

  connectedCallback() {
    if (this.#state) return; // only moved in the page
    this.#root.adoptedStyleSheets = [SHEET];
    patch(this.#root, [h("slot")]);
    this.#observer = new IntersectionObserver(([seen]) => seen?.isIntersecting && this.#begin(), { rootMargin: "400px" });
    this.#observer.observe(this);
  }

  disconnectedCallback() {
    queueMicrotask(() => this.isConnected || this.#stop());
  }

  /**
   * @param {string} name
   * @param {string | null} before
   * @param {string | null} after
   */
  attributeChangedCallback(name, before, after) {
    if (before === after) return;
    if (name === "theme") this.#draw(); // a site that turns dark costs nobody what they typed
    else this.reset();
  }

  /** Shows the dialog of the layouts `popup` and `button`. */
  open() {
    this.#opens = !this.#dialog?.open;
    this.#begin();
    this.#draw();
  }

  close() {
    this.#dialog?.close();
  }

  /** Asks again what is free. */
  refresh() {
    if (this.#state) look(this.#state);
  }

  /** Begins anew; once for all that is changed in one go. */
  reset() {
    if (!this.#state) return;
    this.#stop();
    queueMicrotask(() => this.#begin());
  }

  /**
   * A property for an attribute: `el.prefillName` is `prefill-name`. What was set before this code came counts, too.
   *
   * @param {string} name
   */
  #mirror(name) {
    const property = name.replace(/-./g, (at) => at.toUpperCase().slice(1));
    const before = /** @type {any} */ (this)[property];
    Object.defineProperty(this, property, {
      get: () => this.getAttribute(name),
      set: (value) => {
        if (value || value === "") this.setAttribute(name, value);
        else this.removeAttribute(name);
      },
    });
    if (before != null) /** @type {any} */ (this)[property] = before;
  }

  get #dialog() {
    return this.#root.querySelector("dialog");
  }

  #stop() {
    this.#observer?.disconnect();
    this.#state?.over.abort();
    this.#state = undefined;
  }

  async #begin() {
    if (this.#state || !this.isConnected) return;
    this.#observer?.disconnect();
    const wishes = Object.fromEntries(ATTRIBUTES.map((name) => [name, this.getAttribute(name) ?? ""]));
    const around = /** @type {HTMLElement | null} */ (this.closest("[lang]"));
    const wanted = (wishes.locale || around?.lang || navigator.language).replace("_", "-");
    const language = known(wanted);
    const locale = regional(wanted.startsWith(language) ? wanted : language, navigator.languages);
    /** @type {import("./state.js").State} */
    const s = (this.#state = newState(wishes.src || new URL(HERE).origin, wishes, locale, {
      noWaitlist: this.hasAttribute("no-waitlist"),
      draw: () => this.#draw(),
      emit: (event, detail) =>
        this.#state === s &&
        this.dispatchEvent(new CustomEvent(`bookable:${event}`, { detail, bubbles: true, composed: true, cancelable: true })),
      focus: (what) => {
        this.#focus = what;
        this.#draw();
      },
    }));
    const started = start(s); // words are fetched meanwhile
    const t = await wordsOf(language, HERE);
    if (this.#state !== s) return;
    this.#scene = { s, t, f: new Formats(locale), language };
    this.#draw();
    if (await started) s.emit("ready", { business: wishes.business });
  }

  #draw() {
    const scene = this.#scene;
    if (!scene || scene.s !== this.#state) return;
    // What has the focus may be about to go; then nobody has it.
    this.#used = this.matches(":focus-within") || (this.#used && document.activeElement === document.body);
    const { s, t, language } = scene;
    const wanted = s.wishes.layout;
    const layout = wanted !== "inline" && wanted;
    const view = /** @type {Record<string, (scene: any) => any>} */ (VIEWS)[s.step];
    const body = h(
      "div.root",
      { lang: language, dir: language === "ar" ? "rtl" : "ltr" },
      h("slot", { name: "heading" }),
      layout && button("close", "✕", () => this.close(), { "aria-label": t("Close") }),
      h("div.step", { key: s.step }, view ? view(scene) : [problem(scene, () => this.reset()), h("slot")]),
      h("p.said", { role: "status" }, announced(scene)),
    );
    patch(this.#root, [
      layout === "button" ? button("submit", t("Book an appointment"), () => this.open()) : "",
      layout ? h("dialog", { "aria-label": t("Book an appointment"), open: this.#dialog?.open || null }, body) : body,
    ]);
    const { accent, on_accent: ink, scheme, radius_px: radius } = s.profile?.theme ?? {};
    const wishes = { "--brand": accent, "--on-brand": ink, "--round": radius && `${radius}px`, "color-scheme": this.getAttribute("theme") ?? scheme };
    for (const [name, value] of Object.entries(wishes)) this.style.setProperty(name, value === "auto" ? "" : (value ?? ""));
    this.#land();
    if (this.#opens) this.#dialog?.showModal();
    this.#opens = false;
  }

  /** Puts the focus where the last step wanted it; never into a page that somebody is only reading. */
  #land() {
    const found = /** @type {HTMLElement | null} */ (this.#focus && this.#root.querySelector(`[data-focus=${this.#focus}]`));
    if (!found) return;
    this.#focus = "";
    if (this.#used) found.focus();
  }
}
