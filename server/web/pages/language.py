"""
Owns finding out which of our languages a visitor reads.

Leaves their words to the widget.
"""

from typing import NamedTuple

from aiohttp import hdrs, web
from babel import Locale, UnknownLocaleError
from babel.core import negotiate_locale

LANGUAGES = ("en", "de", "fr", "es", "pt", "nl", "ja", "ar")


class Language(NamedTuple):
    """A language tag as the visitor spells it (BCP 47), and which way it is written."""

    tag: str
    direction: str


def language_of(request: web.Request) -> Language:
    """The first language of Accept-Language (RFC 9110, 12.5.4) that we have; English if there is none."""
    header = request.headers.get(hdrs.ACCEPT_LANGUAGE, "")[:300]
    wanted = [part.split(";")[0].strip() for part in header.split(",")]
    found = negotiate_locale(wanted, LANGUAGES, sep="-") or "en"
    tag = next((each for each in wanted if each.split("-")[0].lower() == found), found)
    try:
        return Language(tag, Locale.parse(tag, sep="-").text_direction)
    except (UnknownLocaleError, ValueError):
        return Language("en", "ltr")
