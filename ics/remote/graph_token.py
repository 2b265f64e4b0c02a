"""
Owns our token for a calendar at Microsoft Graph: Graph's own link, and the stretch of time that it stands for.

Leaves following the link to `graph`. A delta link is about the window that it began with, for ever: a caller whose
window has moved on has to be told, or it would take for free what was never listed.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

from ics.remote.errors import TokenGone

Window = tuple[datetime, datetime]

_FORMAT = "%Y%m%dT%H%M%SZ"

_AHEAD = timedelta(days=30)
"""How much more than asked is listed at the end: a window that moves with the days is listed anew once a month."""

_FIRST, _LATER = "first", "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphToken:
    """
    Where a listing stands.

    Attributes:
        link: Where it goes on: what Graph called nextLink or deltaLink.
        window: What is listed, aware UTC.
        first: Whether the listing that *link* goes on with began at nothing.
    """

    link: str
    window: Window
    first: bool

    @classmethod
    def read(cls, text: str, window: Window) -> Self:
        """
        The token that was written as *text*.

        Raises:
            TokenGone: It is none, or *window* reaches beyond what it stands for.
        """
        kind, *moments, link = (text.split(" ") + [""] * 4)[:4]
        try:
            begin, end = (datetime.strptime(moment, _FORMAT).replace(tzinfo=UTC) for moment in moments)
        except ValueError:
            raise TokenGone("what was kept of the calendar cannot be read") from None
        if kind not in {_FIRST, _LATER} or not link:
            raise TokenGone("what was kept of the calendar cannot be read")
        if window[0].replace(microsecond=0) < begin or window[1].replace(microsecond=0) > end:
            raise TokenGone("the time that matters has moved on")
        return cls(link=link, window=(begin, end), first=kind == _FIRST)

    def write(self) -> str:
        """What `read` understands."""
        begin, end = (moment.strftime(_FORMAT) for moment in self.window)
        return f"{_FIRST if self.first else _LATER} {begin} {end} {self.link}"

    def going_on(self, link: str, *, more: bool) -> Self:
        """The token after a page that ended with *link*."""
        return replace(self, link=link, first=self.first and more)


def widened(window: Window) -> Window:
    """What to list for whoever asks for *window*, to whole seconds."""
    begin, end = (moment.astimezone(UTC).replace(microsecond=0) for moment in window)
    return begin, end + _AHEAD
