/** Proves by being compiled that the types say what a site may write, and refuse what it may not. */

const widget = document.createElement("bookable-widget");
widget.business = "demo";
widget.layout = "popup";
widget.noWaitlist = true;
widget.open();
widget.close();
widget.addEventListener("bookable:booked", ({ detail }) => detail.start.slice(0, 10));
document.querySelector("bookable-widget")?.addEventListener("click", (event) => event.clientX);
addEventListener("bookable:error", ({ detail }) => detail.status);

// @ts-expect-error there is no such layout
widget.layout = "modal";
// @ts-expect-error events do not say who the customer is
widget.addEventListener("bookable:booked", ({ detail }) => detail.email);
