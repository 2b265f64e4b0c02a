"""
Owns what somebody on the waitlist wishes for, and which free time is it.

Leaves who is asked first to the order in which they came, and offering to the use-cases.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server.domain.terms import Terms
from server.domain.zones import date_in, day_span, local_date

MOST_DAYS = 62
MOST_LAPSED = 3
"""Whoever let so many offers pass is asked no more: others wait, too."""

OFFER_S = 900
"""How long an offered time is held."""

NEAREST_S = 2 * OFFER_S
"""What begins sooner is not offered: with the offer taken at its last minute, as long again is left to get there."""


class Opening(NamedTuple):
    """A free start of a provider at a location, as a clock and a calendar there show it."""

    start: int
    """Seconds since the epoch."""
    end: int
    day: date
    minute: int
    """From local midnight."""
    provider: str
    location: str

    @classmethod
    def at(cls, start: int, end: int, where: ZoneInfo, *, provider: str, location: str) -> "Opening":
        """The start in the zone *where*."""
        local = datetime.fromtimestamp(start, UTC).astimezone(where)
        return cls(start, end, date_in(where, local), local.hour * 60 + local.minute, provider, location)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """
    Any start between two local dates, both included, that begins within one of *windows*.

    Windows are minutes from local midnight at the location; none means any time of day. No provider or location means
    any.
    """

    first_day: date
    last_day: date
    windows: Sequence[tuple[int, int]] = ()
    provider: str | None = None
    location: str | None = None

    def as_seen_from(self, places: Sequence[ZoneInfo], *, days_in: ZoneInfo) -> "Wish":
        """With the days of calendars at *places* that the days of the wish, which are those in *days_in*, touch."""
        begin, end = day_span(days_in, self.first_day, self.last_day)
        first = min((local_date(where, begin) for where in places), default=self.first_day)
        last = max((local_date(where, end - 1) for where in places), default=self.last_day)
        return replace(self, first_day=first, last_day=last)

    def is_met_by(self, opening: Opening) -> bool:
        """Whether *opening* is such a time."""
        return (
            self.first_day <= opening.day <= self.last_day
            and self.provider in (None, opening.provider)
            and self.location in (None, opening.location)
            and (not self.windows or any(begin <= opening.minute < end for begin, end in self.windows))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitlistOffer:
    """A time that is held for somebody who waits, as their mail says it."""

    name: str
    locale: str
    timezone: str
    """Of the customer."""
    token_salt: bytes
    token_hash: bytes
    service_name: str
    provider_name: str
    location_name: str
    address: str
    location_zone: str
    online: bool
    start: datetime
    end: datetime
    expires_at: datetime
    terms: Terms
    """Kept with the hold."""


Openings = Mapping[date, Sequence[Opening]]
"""What is free, by local day, in order of the day and of the start."""


def fits(
    wish: Wish,
    openings: Openings,
    *,
    not_before: int,
    without: Collection[int] = (),
    busy: Sequence[tuple[int, int]] = (),
) -> list[Opening]:
    """
    The openings that meet *wish*, the earliest first.

    Args:
        not_before: What begins sooner is too soon to be offered.
        without: Starts that are not asked about again.
        busy: When the customer has another appointment: they cannot be in two places.
    """
    return [
        opening
        for day, those in openings.items()
        if wish.first_day <= day <= wish.last_day
        for opening in those
        if opening.start >= not_before
        and opening.start not in without
        and wish.is_met_by(opening)
        and not any(opening.start < end and begin < opening.end for begin, end in busy)
    ]
