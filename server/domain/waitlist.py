"""
Owns what somebody on the waitlist wishes for, and which free start is it.

Leaves who is asked first to the order in which they came, and offering to the use-cases.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

MOST_DAYS = 62
MOST_LAPSED = 3
"""Whoever let so many offers pass is asked no more: others wait, too."""

OFFER_S = 900
"""How long an offered time is held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """
    Any start between two local dates, both included, that begins within one of *windows*.

    Windows are minutes from local midnight at the location; none means any time of day.
    """

    first_day: date
    last_day: date
    windows: Sequence[tuple[int, int]] = ()

    def fits(self, start: int, where: ZoneInfo) -> bool:
        """Whether *start*, seconds since the epoch, is such a time in the zone *where*."""
        local = datetime.fromtimestamp(start, UTC).astimezone(where)
        if not self.first_day <= local.date() <= self.last_day:
            return False
        minute = local.hour * 60 + local.minute
        return not self.windows or any(begin <= minute < end for begin, end in self.windows)


def first_fit(wish: Wish, starts: Iterable[int], where: ZoneInfo, *, without: frozenset[int]) -> int | None:
    """The first of *starts* that fits and was not given to somebody else a moment ago."""
    return next((start for start in starts if start not in without and wish.fits(start, where)), None)
