"""
Owns the questions about free time, and their answers.

Leaves computing them to `usecases/find_slots`.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Self

import orjson
from pydantic import AfterValidator, Field, model_validator

from server.domain.zones import stretches
from server.usecases.find_slots import MOST_DAYS, Availability
from server.web.shapes.base import Instant, Shape, Slug, Zone, wrong

_DAY = 86_400
_EPOCH = date(1970, 1, 1)
_MINUTES = [f"T{minute // 60:02d}:{minute % 60:02d}:00" for minute in range(1440)]


def _in_reach(day: date) -> date:
    if not 2000 <= day.year < 2100:
        raise ValueError("must be between the years 2000 and 2100")
    return day


Day = Annotated[date, AfterValidator(_in_reach)]


class DaysQuery(Shape):
    """Which days? `from` and `to` are dates in `tz`, both included: by default a week from today."""

    first: Day | None = Field(default=None, alias="from")
    """Omitted: today."""
    last: Day | None = Field(default=None, alias="to")
    """Omitted: six days after the first."""
    tz: Zone | None = None
    """Omitted: the location's zone."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        first, last = self.first, self.last
        if first and last and not first <= last < first + timedelta(days=MOST_DAYS):
            raise wrong("to", detail=f"must not be before from, nor more than {MOST_DAYS - 1} days after it")
        return self


class AvailabilityQuery(DaysQuery):
    """Which free times? `from` and `to` are dates in `tz`, both included: by default a week from today."""

    service: Slug
    provider: Slug | None = None
    """Omitted: whoever is free."""
    location: Slug | None = None


class MoveQuery(DaysQuery):
    """To which times could it be moved? `from` and `to` are dates in `tz`, both included."""

    provider: Slug | None = None
    """Omitted: the same provider."""


class ExplainQuery(Shape):
    """Why is this start (not) free?"""

    service: Slug
    provider: Slug | None = None
    location: Slug | None = None
    start: Instant


class Slot(Shape):
    """A start that can be booked now."""

    start: datetime
    end: datetime
    """Of the first provider's appointment."""
    providers: list[Slug]
    """Who is free, those with the lowest price and then the shortest time first."""
    places_left: int | None = None
    """For a class."""


class DaySlots(Shape):
    """The slots of a date in the answer's time zone."""

    date: date
    slots: list[Slot]


class ProviderTerms(Shape):
    """A provider's own length and price of a service."""

    duration_min: int
    price_minor: int


class AvailabilityAnswer(Shape):
    """Free time, by day."""

    timezone: Zone
    days: list[DaySlots]
    provider_terms: dict[Slug, ProviderTerms] | None = None
    """By provider, where not all who were asked about have the same."""
    next_available: datetime | None
    """The first free start from `from` on, beyond `to` if need be; null up to the service's horizon."""
    stream: str | None = None
    """Where changes are streamed, if the deployment can."""


class RuleVerdict(Shape):
    """A rule that refuses a start, and why."""

    rule: str
    detail: str


class Explanation(Shape):
    """What the rules say of one provider at one location."""

    provider: Slug
    location: Slug
    offered: bool
    refused_by: list[RuleVerdict]


class ExplainAnswer(Shape):
    """What the rules say of one start."""

    start: datetime
    candidates: list[Explanation]


def render_days(availability: Availability) -> list[dict[str, object]]:
    """
    The days of an answer, with local times.

    Times are put together from a table and the day's offset: a month has a thousand of them.
    """
    by_day: dict[int, list[dict[str, object]]] = {}
    clock = _LocalClock(availability)
    for start, end, providers in availability.slots:
        day, text = clock.read(start)
        slot: dict[str, object] = {"start": text, "end": clock.read(end)[1], "providers": providers}
        if availability.capacity > 1:
            slot["places_left"] = availability.places.get(start, availability.capacity)
        by_day.setdefault(day, []).append(slot)
    return [
        {"date": day.isoformat(), "slots": by_day.get(_day_number(day), [])}
        for day in _dates(availability.first, availability.last)
    ]


def render_availability(availability: Availability, stream: str | None) -> bytes:
    """The answer as JSON."""
    beyond = availability.next_available
    answer: dict[str, object] = {
        "timezone": availability.where.key,
        "days": render_days(availability),
        "next_available": datetime.fromtimestamp(beyond, availability.where).isoformat() if beyond else None,
    }
    if availability.provider_terms:
        answer["provider_terms"] = {
            slug: {"duration_min": seconds // 60, "price_minor": price}
            for slug, (seconds, price) in availability.provider_terms.items()
        }
    if stream is not None:
        answer["stream"] = stream
    return orjson.dumps(answer)


class _LocalClock:
    """Reads moments that come in order as `(day number, RFC 3339)` in one zone."""

    def __init__(self, availability: Availability) -> None:
        slots = availability.slots
        begin, end = (slots[0][0], slots[-1][1] + 2 * _DAY) if slots else (0, 1)
        self._stretches = [(s.end, s.offset, _offset(s.offset)) for s in stretches(availability.where, begin, end)]
        self._days: dict[int, str] = {}

    def read(self, moment: int) -> tuple[int, str]:
        for end, offset, text in self._stretches:
            if moment < end:
                day, second = divmod(moment + offset, _DAY)
                name = self._days.get(day)
                if name is None:
                    name = self._days[day] = (_EPOCH + timedelta(days=day)).isoformat()
                return day, name + _MINUTES[second // 60] + text
        raise AssertionError("the stretches cover every slot")


def _offset(seconds: int) -> str:
    sign = "-" if seconds < 0 else "+"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"{sign}{hours:02d}:{minutes:02d}"


def _day_number(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()


def _dates(first: date, last: date) -> Sequence[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
