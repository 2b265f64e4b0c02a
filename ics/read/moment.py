"""
Owns the values of time that properties have: DATE, DATE-TIME, PERIOD and DURATION (RFC 5545, 3.3), on which clock.

Leaves which of them an event has to `occurrences` and `own_view`.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from ics.errors import UnknownTimezone, Unreadable
from ics.read.calendar_object import CalendarObject, Component
from ics.read.content_line import Property
from ics.read.file_zone import zone_described
from ics.read.zone import zone_named

_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z?))?", re.IGNORECASE | re.ASCII)
_DURATION = re.compile(
    r"([+-]?)P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?",
    re.IGNORECASE | re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_NAME = 64

EARLIEST = datetime(1, 1, 3)  # noqa: DTZ001  # a wall time; some days from where dates end, for offsets
LATEST = datetime(9999, 12, 29)  # noqa: DTZ001


class Moment(NamedTuple):
    """A time as it was written: what a clock shows, and which clock. A whole day is its midnight."""

    wall: datetime
    zone: tzinfo
    is_day: bool

    @property
    def epoch(self) -> int:
        """Seconds since 1970."""
        return epoch_of(self.wall, self.zone)


class Length(NamedTuple):
    """How long something lasts: *days* as the calendar counts them, and then *seconds* as they pass (3.3.6)."""

    days: int
    seconds: int

    def after(self, moment: Moment) -> int:
        """The end, in seconds since 1970, of what begins at *moment*."""
        if not self.days:
            return moment.epoch + self.seconds
        return epoch_of(clamped(moment.wall, self.days), moment.zone) + self.seconds


def epoch_of(wall: datetime, zone: tzinfo) -> int:
    """
    The moment at which a clock in *zone* shows *wall*, in seconds since 1970.

    A time in a gap is moved on by it, and one that comes twice is the first (3.3.5): that is what `fold=0` means.
    """
    return int((wall.replace(tzinfo=zone) - _EPOCH).total_seconds())


def wall_at(epoch: int, zone: tzinfo) -> datetime:
    """What a clock in *zone* shows then; at the ends of time, the last that can be told."""
    try:
        wall = (_EPOCH + timedelta(seconds=epoch)).astimezone(zone).replace(tzinfo=None, fold=0)
    except OverflowError:
        return EARLIEST if epoch < 0 else LATEST
    return min(max(wall, EARLIEST), LATEST)


def clamped(wall: datetime, days: int) -> datetime:
    """*wall*, so many days later; at the ends of time, the last that can be told."""
    try:
        return min(max(wall + timedelta(days=days), EARLIEST), LATEST)
    except OverflowError:
        return EARLIEST if days < 0 else LATEST


class Clocks:
    """
    Which clock each time of one object is on, and what had to be guessed.

    A TZID is a name that we know, or else what the object says of it: where both are there the name counts, as in every
    calendar app. *local* is for whole days and what nobody names; X-WR-TIMEZONE for floating times.
    """

    def __init__(self, calendar: CalendarObject, *, local: tzinfo) -> None:
        self.local = local
        self.problems: list[str] = []
        self._described = calendar.timezones
        self._named: dict[str, tzinfo | None] = {}
        self.floating = (calendar.zone_name and self._zone(calendar.zone_name)) or local

    def report(self, problem: str) -> None:
        """Keep *problem*, once."""
        if problem not in self.problems:
            self.problems.append(problem)

    def of(self, line: Property, *, instead: tzinfo) -> tzinfo:
        """The clock that *line* names; *instead* where it names none or one that nobody knows."""
        tzid = line.parameter("TZID")
        if tzid is None:
            return instead
        zone = self._zone(tzid)
        if zone is None:
            self.report(f"The time zone {tzid[:_LONGEST_NAME]!r} is not known; another was taken for it.")
        return zone or instead

    def _zone(self, tzid: str) -> tzinfo | None:
        if tzid not in self._named:
            self._named[tzid] = self._found(tzid)
        return self._named[tzid]

    def _found(self, tzid: str) -> tzinfo | None:
        try:
            return zone_named(tzid)
        except UnknownTimezone:
            pass
        try:
            return zone_described(self._described[tzid]) if tzid in self._described else None
        except Unreadable:
            return None


def moment_of(event: Component, name: str, clocks: Clocks, *, instead: tzinfo | None = None) -> Moment | None:
    """
    The time in the property *name* of *event*; None where it has none.

    Args:
        instead: The clock of a time that names none; that of floating times where it is left out.

    Raises:
        Unreadable: It is no time, or the event gives several.
    """
    found = event.all(name)
    if not found:
        return None
    if len({each.value for each in found}) > 1:
        raise Unreadable(name, "is there more than once")
    return read_moment(found[0], found[0].value, clocks, instead=instead or clocks.floating)


def read_moment(line: Property, value: str, clocks: Clocks, *, instead: tzinfo) -> Moment:
    """
    The time that *value*, one of those in *line*, says.

    Raises:
        Unreadable: It is no time.
    """
    parts = _TIME.fullmatch(value.strip().rpartition(":")[2])  # after a colon in a TZID that was not quoted
    if parts is None:
        raise Unreadable(line.name, "is not a time")
    year, month, day, hour, minute, second, utc = parts.groups()
    is_day = hour is None or (line.parameter("VALUE") or "").upper() == "DATE"
    try:
        if is_day:
            return Moment(_bounded(datetime(int(year), int(month), int(day))), clocks.local, True)  # noqa: DTZ001
        seconds = min(int(second or 0), 59)  # a leap second
        wall = datetime(int(year), int(month), int(day), int(hour), int(minute), seconds)  # noqa: DTZ001
    except ValueError:
        raise Unreadable(line.name, "is not a time") from None
    return Moment(_bounded(wall), UTC if utc else clocks.of(line, instead=instead), False)


def read_moments(line: Property, clocks: Clocks, *, instead: tzinfo) -> Iterator[tuple[Moment, Length | None]]:
    """
    The times that *line*, an EXDATE, RDATE or FREEBUSY, lists; with how long it lasts for a PERIOD.

    Raises:
        Unreadable: One of them is no time.
    """
    for value in line.value.split(","):
        begins, slash, ends = value.partition("/")
        start = read_moment(line, begins, clocks, instead=instead)
        if not slash:
            yield start, None
        elif "P" in ends.upper():
            yield start, read_duration(line.name, ends)
        else:
            yield start, Length(0, read_moment(line, ends, clocks, instead=instead).epoch - start.epoch)


def read_duration(name: str, value: str) -> Length:
    """
    The DURATION *value* of the property *name*.

    Raises:
        Unreadable: It is none.
    """
    parts = _DURATION.fullmatch(value.strip())
    if parts is None or not any(parts.groups()[1:]):
        raise Unreadable(name, "is not a duration")
    weeks, days, hours, minutes, seconds = (int(each or 0) for each in parts.groups()[1:])
    sign = -1 if parts[1] == "-" else 1
    return Length(sign * (weeks * 7 + days), sign * (hours * 3600 + minutes * 60 + seconds))


def _bounded(wall: datetime) -> datetime:
    return min(max(wall, EARLIEST), LATEST)
