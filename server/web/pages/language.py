"""
Owns which of our languages a visitor reads, and saying things in it: in the widget's words where it says the same.

Leaves what only pages say to the catalogues behind `server/voice`.
"""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web
from babel.core import negotiate_locale

from server.voice import LANGUAGES, Voice
from server.web.widget import words

_NOWHERE = ZoneInfo("Etc/UTC")
_RANGE = re.compile(r"(?P<tag>[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,5})(\s*;\s*q=(?P<weight>[01](\.\d{0,3})?))?")


class PageVoice(Voice):
    """
    What a page says to one visitor.

    Attributes:
        tag: Their language as they spell it (BCP 47).
    """

    def __init__(self, tag: str, zone: ZoneInfo = _NOWHERE) -> None:
        super().__init__(tag, zone)
        self.tag = tag

    def say(self, sentence: str, **values: str) -> str:
        """*sentence*, which is English, with *values* in its places."""
        said = words(self.language).get(sentence)
        return said.format(**values) if said else super().say(sentence, **values)

    def span(self, start: datetime, end: datetime) -> str:
        """Date and times, the times never broken: after a dash a browser breaks before any space (UAX 14, LB12a)."""
        return super().span(start, end).replace("–\u00a0", "–\u2060\u00a0")

    def at(self, zone: ZoneInfo) -> "PageVoice":
        """The same language, with the clocks of *zone*."""
        return PageVoice(self.tag, zone)


def voice_of(request: web.Request) -> PageVoice:
    """The language of Accept-Language (RFC 9110, 12.5.4) that is wanted most and that we have; else English."""
    header = request.headers.get(hdrs.ACCEPT_LANGUAGE, "")[:300]
    ranges = [found for part in header.split(",") if (found := _RANGE.fullmatch(part.strip()))]
    weights = {found["tag"]: float(found["weight"] or 1) for found in ranges}
    wanted = sorted((tag for tag, weight in weights.items() if weight), key=lambda tag: -weights[tag])
    ours = negotiate_locale(wanted, LANGUAGES, sep="-") or "en"
    return PageVoice(next((each for each in wanted if each.split("-")[0].lower() == ours), ours))
