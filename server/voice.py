"""
Owns the sentences of messages and pages in each language, and dates, times and money as its readers write them.

Leaves which sentence is said to whoever says it. The catalogues are gettext's, in `server/locale`; English is in the
code.
"""

import re
from copy import copy
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import (
    format_date,
    format_skeleton,
    format_time,
    get_timezone_location,
    get_timezone_name,
)
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from babel.units import format_unit

from server.domain.currencies import digits_of, in_units
from server.domain.zones import date_in

LANGUAGES = ("en", "de", "fr", "es", "pt", "nl", "ja", "ar")
_LONGEST_TAG = 35
"""Characters that a language tag needs (RFC 5646, 4.4.1)."""
_AT = {"en": " at ", "de": " um ", "fr": " à ", "es": ", ", "pt": " às ", "nl": " om ", "ja": " ", "ar": " في "}
"""Between a date and its time (CLDR, `dateTimeFormat-type-atTime`, which Babel does not carry)."""
_ONE_HOUR = {"es": "1 h", "pt": "1 h"}
"""Where Babel says "1 horas": it looks for a form for one in the long names where the short ones need none."""
_LETTER_BEFORE_DIGIT = re.compile(r"(?<=[A-Za-z])(?=\d)")
"""Where a currency's code needs a space before the amount (CLDR, `currencySpacing`, which Babel does not heed)."""
_UNBROKEN = str.maketrans({" ": "\u00a0", "\u2009": "\u202f"})


class Voice:
    """One language, as one reader in one zone reads it."""

    def __init__(self, locale: str, zone: ZoneInfo) -> None:
        self._locale = known_locale(locale)
        self.language = self._locale.language
        self.direction = self._locale.text_direction
        self._sentences = _catalogue(self.language)
        self._zone = zone

    def say(self, sentence: str, **values: str) -> str:
        """*sentence*, which is English, with *values* in its places."""
        return self._sentences.gettext(sentence).format(**values)

    def at(self, zone: ZoneInfo) -> "Voice":
        """The same language, with the clocks of *zone*."""
        return Voice(str(self._locale), zone)

    def offset(self, moment: datetime) -> timedelta | None:
        """How far the reader's clocks are ahead of UTC at that moment."""
        return moment.astimezone(self._zone).utcoffset()

    def brief(self, moment: datetime) -> str:
        """Weekday, date and time for a subject line."""
        date = format_skeleton("yMMMEd", moment, tzinfo=self._zone, locale=self._locale)
        return self._together(date, self.clock(moment))

    def span(self, start: datetime, end: datetime) -> str:
        """Date, and from when to when; the second date too where it is another one."""
        first, last = start.astimezone(self._zone), end.astimezone(self._zone)
        if date_in(self._zone, start) != date_in(self._zone, end):
            return f"{self.moment(start)} – {self.moment(end)}"
        if first.utcoffset() != last.utcoffset():
            # The clocks change meanwhile: "2:30 – 2:15" needs to say which.
            times = " – ".join(f"{self.clock(each)} ({self.zone_name(each)})" for each in (start, end))
        else:
            # Without a place to break, so that a narrow screen shows the times below the date.
            times = f"{self.clock(start)} – {self.clock(end)}".translate(_UNBROKEN)
        return self._together(self.day(start), times)

    def moment(self, moment: datetime) -> str:
        """The date with its weekday, and the time: as `dateStyle: full` and `timeStyle: short` in the widget."""
        return f"{self.day(moment)}{_AT[self.language]}{self.clock(moment)}"

    def zone_name(self, moment: datetime) -> str:
        """What the time of the reader's zone is called at that moment."""
        return get_timezone_name(moment.astimezone(self._zone), width="long", locale=self._locale)

    def city(self) -> str:
        """The city that the reader's zone is named after: short enough for a subject line."""
        return get_timezone_location(self._zone, locale=self._locale, return_city=True)

    def money(self, minor: int, currency: str) -> str:
        """
        An amount in the currency's smallest unit.

        With the digits of ISO 4217, or none where all are zero, as in the widget: Babel's are how people usually write,
        and would round what is charged.
        """
        amount = in_units(minor, currency)
        pattern = copy(self._locale.currency_formats["standard"])
        pattern.frac_prec = (0, 0) if amount == amount.to_integral_value() else (digits_of(currency),) * 2
        said = pattern.apply(amount, self._locale, currency=currency, currency_digits=False)
        return _LETTER_BEFORE_DIGIT.sub("\u00a0", said)

    def length(self, minutes: int) -> str:
        """Hours and minutes, as far as there are any."""
        hours, rest = divmod(minutes, 60)
        parts = ((hours, "duration-hour"), (rest, "duration-minute"))
        said = [format_unit(count, unit, "short", locale=self._locale) for count, unit in parts if count]
        return " ".join([_ONE_HOUR.get(self.language, said[0]), *said[1:]] if hours == 1 else said)

    def day(self, moment: datetime) -> str:
        """The date with its weekday."""
        return format_date(date_in(self._zone, moment), "full", locale=self._locale)

    def clock(self, moment: datetime) -> str:
        """The time."""
        return format_time(moment, "short", tzinfo=self._zone, locale=self._locale)

    def _together(self, date: str, time: str) -> str:
        """Date and time as the language puts them side by side."""
        return str(self._locale.datetime_formats["medium"]).replace("{1}", date).replace("{0}", time)


@lru_cache(maxsize=256)
def known_locale(locale: str) -> Locale:
    """The nearest locale whose sentences we have: `de-AT` is German as in Austria; what we do not know is English."""
    subtags = re.split(r"[-_.@]", locale[:_LONGEST_TAG])
    for length in range(len(subtags), 0, -1):
        try:
            found = Locale.parse("_".join(subtags[:length]))
        except (ValueError, UnknownLocaleError):
            continue
        return found if found.language in LANGUAGES else Locale("en")
    return Locale("en")


@lru_cache(maxsize=len(LANGUAGES))
def _catalogue(language: str) -> NullTranslations:
    if language == "en":
        return NullTranslations()
    source = files("server") / "locale" / language / "LC_MESSAGES" / "bookable.po"
    compiled = BytesIO()
    with source.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)
