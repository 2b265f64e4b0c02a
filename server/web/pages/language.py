"""
Owns which of our languages a visitor reads, and saying things in it: in the widget's words where it says the same.

Leaves what only pages say to the catalogues behind `server/voice`.
"""

import re
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web
from babel.core import negotiate_locale

from server.voice import LANGUAGES, Voice
from server.web.widget import words

_NOWHERE = ZoneInfo("Etc/UTC")
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


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

    def at(self, zone: ZoneInfo) -> "PageVoice":
        """The same language, with the clocks of *zone*."""
        return PageVoice(self.tag, zone)


def voice_of(request: web.Request) -> PageVoice:
    """The first language of Accept-Language (RFC 9110, 12.5.4) that we have; English if there is none."""
    header = request.headers.get(hdrs.ACCEPT_LANGUAGE, "")[:300]
    wanted = [tag for part in header.split(",") if _TAG.fullmatch(tag := part.split(";")[0].strip())]
    found = negotiate_locale(wanted, LANGUAGES, sep="-") or "en"
    return PageVoice(next((each for each in wanted if each.split("-")[0].lower() == found), found))
