"""
Owns the shapes of opening time: weekly hours, exceptions, time off.

Leaves what they mean for a date to `domain/hours`.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from server.web.shapes.availability import Day
from server.web.shapes.base import Instant, Line, Shape, Slug, Written, wrong
from server.web.shapes.drafts import Draft, Numbered, PageQuery

_DAY = 1440

Start = Annotated[str, Written("^([01][0-9]|2[0-3]):[0-5][0-9]$", "must be a time with two digits each, such as 09:00")]
"""Local wall time, 00:00 to 23:59."""


def _within_two_days(text: str) -> str:
    if minutes_of(text) > 2 * _DAY:
        raise ValueError("must not be later than 48:00")
    return text


End = Annotated[
    str,
    Written("^([0-3][0-9]|4[0-8]):[0-5][0-9]$", "must be a time with two digits each, such as 17:30"),
    AfterValidator(_within_two_days),
]
"""
Local wall time, 00:00 to 24:00. One that is not after the start is of the next day: 22:00 to 02:00 crosses midnight.
Hours beyond 24 count on into the next day: 26:00 is its 02:00.
"""


def minutes_of(text: str) -> int:
    """Minutes after midnight of `HH:MM`."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def span_of(start: str, end: str) -> tuple[int, int]:
    """The window in minutes after the date's midnight; an end that is not after the start is of the next day."""
    begin, until = minutes_of(start), minutes_of(end)
    return begin, until if until > begin else until + _DAY


def texts_of(start_min: int, end_min: int) -> tuple[str, str]:
    """The window as callers write it: what `span_of` reads back as the same."""
    if end_min > _DAY and end_min - _DAY <= start_min:
        end_min -= _DAY
    return _text(start_min), _text(end_min)


def _text(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


class Weekly(Draft):
    """A window that comes every week."""

    weekday: Annotated[int, Field(strict=True, ge=0, le=6)]
    """Monday is 0."""
    start: Start
    """Local wall time."""
    end: End
    """Local wall time, up to 24:00. One that is not after the start is of the next day; 26:00 is its 02:00, too."""
    valid_from: Day | None = None
    """The first date on which it holds."""
    valid_until: Day | None = None
    """The last date on which it holds."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise wrong("valid_until", detail="must not be before valid_from")
        return self

    def values(self) -> dict[str, Any]:
        """With minutes for times."""
        values = self.model_dump(exclude={"start", "end"})
        values["start_min"], values["end_min"] = span_of(self.start, self.end)
        return values

    @classmethod
    def shown(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """With times for minutes."""
        shown = dict(values)
        shown["start"], shown["end"] = texts_of(values["start_min"], values["end_min"])
        return shown


class HoursDraft(Weekly):
    """When a provider works at a location, in its local time."""

    provider: Slug
    location: Slug


class HoursItem(Numbered, HoursDraft):
    """When a provider works at a location, in its local time."""


class HoursQuery(PageQuery):
    """Whose hours, and where?"""

    provider: Slug | None = None
    location: Slug | None = None


class ServiceHoursDraft(Weekly):
    """Where a service has any, it is offered within these only."""

    service: Slug


class ServiceHoursItem(Numbered, ServiceHoursDraft):
    """When a service is offered."""


class ServiceHoursQuery(PageQuery):
    """Of which service?"""

    service: Slug | None = None


class Window(Shape):
    """From and to, as for weekly hours."""

    start: Start
    end: End


Windows = Annotated[list[Window], Field(max_length=24)]


class ExceptionDraft(Draft):
    """A date that replaces the weekly hours of a provider at a location; no windows means closed."""

    provider: Slug
    location: Slug
    date: Day
    windows: Windows = Field(default=[])
    reason: Line = ""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        spans = sorted(span_of(window.start, window.end) for window in self.windows)
        if any(before[1] > after[0] for before, after in pairwise(spans)):
            raise wrong("windows", detail="must not overlap")
        return self

    def values(self) -> dict[str, Any]:
        """With minutes for times."""
        values = self.model_dump(exclude={"date", "windows"})
        spans = sorted(span_of(window.start, window.end) for window in self.windows)
        return {**values, "day": self.date, "windows": _joined(spans)}

    @classmethod
    def shown(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """With times for minutes."""
        windows = [dict(zip(("start", "end"), texts_of(*span), strict=True)) for span in values["windows"]]
        return {**values, "date": values["day"], "windows": windows}


def _joined(spans: list[tuple[int, int]]) -> list[list[int]]:
    """As Postgres keeps them: windows that touch are one."""
    joined: list[list[int]] = []
    for start, end in spans:
        if joined and joined[-1][1] == start:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    return joined


class ExceptionItem(Numbered, ExceptionDraft):
    """A date that replaces the weekly hours."""


class ExceptionQuery(PageQuery):
    """Whose exceptions, where, and from which date to which?"""

    provider: Slug | None = None
    location: Slug | None = None
    first: Day | None = Field(default=None, alias="from")
    last: Day | None = Field(default=None, alias="to")


class TimeOffDraft(Draft):
    """Time in which a provider takes no bookings."""

    provider: Slug
    start: Instant
    end: Instant
    reason: Line = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end <= self.start:
            raise wrong("end", detail="must be after start")
        return self


class TimeOffItem(Numbered, TimeOffDraft):
    """Time in which a provider takes no bookings."""


class TimeOffQuery(PageQuery):
    """Whose time off, touching `[from, to)`?"""

    provider: Slug | None = None
    first: Instant | None = Field(default=None, alias="from")
    last: Instant | None = Field(default=None, alias="to")
