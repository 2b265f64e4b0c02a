/**
 * Types of `<bookable-widget>`, for sites that check theirs: its attributes as properties, its methods, its events.
 *
 * Served beside the script, as `/widget/v1/bookable.d.ts`.
 */

/** An appointment as events tell it: nothing about the person, and nothing that opens it. */
export interface BookableAppointment {
  id: string;
  status: "confirmed" | "pending" | "held" | "cancelled" | "completed" | "no_show";
  /** RFC 3339, with the offset of the place's zone. */
  start: string;
  end: string;
  /** Slugs. */
  service: string;
  provider: string;
  location: string;
}

/** What each event carries in `detail`. */
export interface BookableEventDetails {
  "bookable:ready": { business: string };
  "bookable:slot-selected": { service: string; provider: string; location: string; start: string; end: string };
  "bookable:booked": BookableAppointment;
  "bookable:held": BookableAppointment;
  "bookable:rescheduled": BookableAppointment;
  "bookable:cancelled": BookableAppointment;
  "bookable:waitlisted": { id: string; status: "waiting" };
  /** `type` is the last part of the problem's type (RFC 9457), or `unreachable` with the status 0. */
  "bookable:error": { type: string; status: number; detail: string };
}

export type BookableEventMap = { [Name in keyof BookableEventDetails]: CustomEvent<BookableEventDetails[Name]> };

export interface BookableWidget extends HTMLElement {
  business: string | null;
  service: string | null;
  provider: string | null;
  location: string | null;
  /** BCP 47; `en-GB-u-hc-h12-fw-sun` also sets clock and first day of the week. */
  locale: string | null;
  /** IANA: `Europe/Berlin`. */
  timezone: string | null;
  theme: "auto" | "light" | "dark" | null;
  layout: "inline" | "popup" | "button" | null;
  prefillName: string | null;
  prefillEmail: string | null;
  prefillPhone: string | null;
  manageToken: string | null;
  noWaitlist: boolean | string | null;
  src: string | null;

  /** Shows the dialog of the layouts `popup` and `button`. */
  open(): void;
  close(): void;
  /** Asks again what is free. */
  refresh(): void;
  /** Begins anew. */
  reset(): void;

  addEventListener<Name extends keyof BookableEventMap>(
    type: Name,
    listener: (this: BookableWidget, event: BookableEventMap[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener<Name extends keyof HTMLElementEventMap>(
    type: Name,
    listener: (this: BookableWidget, event: HTMLElementEventMap[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "bookable-widget": BookableWidget;
  }
  interface GlobalEventHandlersEventMap extends BookableEventMap {}
}
