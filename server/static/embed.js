/** Owns the configurator of the embed guide: what is chosen becomes a snippet and a preview. */

const form = /** @type {HTMLFormElement} */ (document.querySelector("#choices"));
const snippet = /** @type {HTMLElement} */ (document.querySelector("#snippet"));
const preview = /** @type {HTMLElement} */ (document.querySelector("#preview"));
const copy = /** @type {HTMLButtonElement} */ (document.querySelector("#copy"));
const { origin, page } = /** @type {{ origin: string, page: string }} */ ({ ...form.dataset });

/** @param {string} text */
const quoted = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");

function draw() {
  const chosen = new FormData(form);
  const { accent, ...attributes } = Object.fromEntries([...chosen].filter(([, value]) => value).map(([name, value]) => [name, `${value}`]));
  const business = attributes.business ?? "";
  const written = Object.entries(attributes).map(([name, value]) => ` ${name}="${quoted(value)}"`);
  const link = `  <a href="${page}${encodeURIComponent(business)}">Book an appointment</a>`;
  const style = accent && form.dataset.accent !== accent ? `<style>bookable-widget { --bookable-accent: ${accent}; }</style>\n` : "";
  snippet.textContent =
    `<script type="module" async src="${origin}/widget/v1/bookable.js"></script>\n${style}` +
    `<bookable-widget${written.join("")}>\n${link}\n</bookable-widget>`;
  const widget = document.createElement("bookable-widget");
  for (const [name, value] of Object.entries(attributes)) widget.setAttribute(name, value);
  if (style) widget.style.setProperty("--bookable-accent", accent ?? "");
  preview.replaceChildren(widget);
}

form.addEventListener("change", draw);
form.addEventListener("submit", (event) => event.preventDefault());
copy.hidden = !navigator.clipboard;
copy.addEventListener("click", async () => {
  await navigator.clipboard.writeText(snippet.textContent ?? "");
  copy.textContent = "Copied";
  setTimeout(() => (copy.textContent = "Copy"), 2000);
});
draw();
