/**
 * Owns how days, times, zones, lengths and prices read, all of it through Intl.
 *
 * Leaves words to `messages`, arithmetic to `dates.js`.
 */

/**
 * The regional form of *language* that the visitor reads: a site's bare `en` must not make a British visitor's week
 * begin on Sunday.
 *
 * @param {string} language
 * @param {readonly string[]} preferred
 */
export function regional(language, preferred) {
  return preferred.find((each) => each.startsWith(`${language}-`)) ?? language;
}

/** The visitor's own zone. */
export const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** @param {string} zone */
export const city = (zone) => zone.replace(/.*\//, "").replaceAll("_", " ");

/** @type {Intl.DateTimeFormatOptions} */
const DAY = { weekday: "long", day: "numeric", month: "long" };
/** As the server writes them in mails and on pages: `server/voice.py`. @type {Intl.DateTimeFormatOptions} */
const CLOCK = { timeStyle: "short" };

export class Formats {
  /**
   * @param {string} locale
   */
  constructor(locale) {
    /** In the digits of the server's mails and pages, which engines choose differently. */
    this.locale = locale.includes("-u-") ? locale : `${locale}-u-nu-latn`;
    const region = /** @type {any} */ (new Intl.Locale(locale));
    /** 1 is Monday. */
    this.firstDay = (region.getWeekInfo?.() ?? region.weekInfo)?.firstDay ?? 1;
    /** @type {Map<string, Intl.DateTimeFormat>} */
    this.made = new Map();
  }

  /**
   * @param {number} moment
   * @param {Intl.DateTimeFormatOptions} options
   */
  date(moment, options) {
    const key = JSON.stringify(options);
    const made = this.made.get(key) ?? new Intl.DateTimeFormat(this.locale, options);
    this.made.set(key, made);
    return made.format(moment);
  }

  /**
   * @param {string} day
   * @param {Intl.DateTimeFormatOptions} [options]
   */
  day(day, options = DAY) {
    return this.date(Date.parse(`${day}T12:00Z`), { ...options, timeZone: "UTC" });
  }

  /**
   * Short enough for its column.
   *
   * @param {string} day
   */
  weekday(day) {
    const short = this.day(day, { weekday: "short" });
    return short.length > 4 ? this.day(day, { weekday: "narrow" }) : short;
  }

  /** @param {string} month */
  month(month) {
    return this.day(`${month}-01`, { month: "long", year: "numeric" });
  }

  /**
   * @param {number} moment
   * @param {string} [zone] The visitor's own if none is named.
   */
  time(moment, zone) {
    return this.date(moment, { ...CLOCK, timeZone: zone });
  }

  /**
   * What *zone* is called then.
   *
   * @param {number} moment
   * @param {string | undefined} zone
   * @param {"short" | "long"} [timeZoneName]
   */
  zone(moment, zone, timeZoneName = "long") {
    const parts = new Intl.DateTimeFormat(this.locale, { timeZone: zone, timeZoneName }).formatToParts(moment);
    return parts.find(({ type }) => type === "timeZoneName")?.value;
  }

  /**
   * Times that read alike, as on the night when clocks go back, get the name of their zone.
   *
   * @template {{ at: number }} T
   * @param {T[]} slots
   * @param {string | undefined} zone The visitor's own if none is named.
   */
  times(slots, zone) {
    const plain = slots.map(({ at }) => this.time(at, zone));
    return new Map(
      slots.map((slot, place) => {
        const label = /** @type {string} */ (plain[place]);
        return [slot, plain.indexOf(label) === plain.lastIndexOf(label) ? label : `${label} ${this.zone(slot.at, zone, "short")}`];
      }),
    );
  }

  /**
   * Minutes and seconds that are left.
   *
   * @param {number} ms
   */
  clock(ms) {
    return this.date(Math.max(0, ms), { minute: "numeric", second: "2-digit", timeZone: "UTC" });
  }

  /**
   * Day and time.
   *
   * @param {number} moment
   * @param {string | undefined} zone The visitor's own if none is named.
   */
  moment(moment, zone) {
    return this.date(moment, { dateStyle: "full", ...CLOCK, timeZone: zone });
  }

  /**
   * @param {number} value
   * @param {any} [options]
   */
  number(value, options) {
    return new Intl.NumberFormat(this.locale, options).format(value);
  }

  /** @param {number} minutes */
  length(minutes) {
    const hours = Math.floor(minutes / 60);
    /** @type {[number, string][]} */
    const parts = [[hours, "hour"], [minutes - hours * 60, "minute"]];
    return parts
      .filter(([count]) => count)
      .map(([count, unit]) => this.number(count, { style: "unit", unit, unitDisplay: "short" }))
      .join(" ");
  }

  /**
   * @param {number} minor In the currency's smallest unit.
   * @param {string} currency
   * @param {number} digits Of that unit, as the server says: browsers know other ones.
   */
  price(minor, currency, digits) {
    const shown = { minimumFractionDigits: digits, maximumFractionDigits: digits, trailingZeroDisplay: "stripIfInteger" };
    return this.number(minor / 10 ** digits, { style: "currency", currency, ...shown });
  }
}
