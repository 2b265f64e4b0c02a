"""
Owns the sentences of messages in each language, and dates, times and money as its readers write them.

Leaves which sentence is said to `messages`. The catalogues are gettext's, in `server/locale`; English is in the code.
"""

from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_timezone_name
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, get_currency_precision
from babel.support import NullTranslations, Translations

LANGUAGES = ("en", "de", "fr", "es", "pt", "nl", "ja", "ar")


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

    def day(self, moment: datetime) -> str:
        """The date with its weekday."""
        return format_date(moment.astimezone(self._zone).date(), "full", locale=self._locale)

    def time(self, moment: datetime) -> str:
        """The time of day."""
        return format_time(moment, "short", tzinfo=self._zone, locale=self._locale)

    def brief(self, moment: datetime) -> str:
        """Date and time for a subject line."""
        date = format_date(moment.astimezone(self._zone).date(), "medium", locale=self._locale)
        return f"{date}, {self.time(moment)}"

    def span(self, start: datetime, end: datetime) -> str:
        """Date, and from when to when."""
        return f"{self.day(start)}, {self.time(start)} – {self.time(end)}"

    def zone_name(self, moment: datetime) -> str:
        """What the reader's zone is called at that moment."""
        return get_timezone_name(moment.astimezone(self._zone), width="long", locale=self._locale)

    def money(self, minor: int, currency: str) -> str:
        """An amount in the currency's smallest unit."""
        amount: Any = minor / 10 ** get_currency_precision(currency)
        return format_currency(amount, currency, locale=self._locale)


@lru_cache(maxsize=256)
def known_locale(locale: str) -> Locale:
    """The nearest locale whose sentences we have: `de-AT` is German as in Austria; what we do not know is English."""
    try:
        found = Locale.parse(locale.replace("-", "_"))
    except (ValueError, UnknownLocaleError, TypeError):
        return Locale("en")
    return found if found.language in LANGUAGES else Locale("en")


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
