/** Registers `<bookable-widget>`. Twice is once. */

import { BookableWidget } from "./element.js";

if (!customElements.get("bookable-widget")) customElements.define("bookable-widget", BookableWidget);
