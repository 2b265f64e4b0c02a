"""
Owns the clock that a VTIMEZONE describes (RFC 5545, 3.6.5), for zones that have no name we know.

Leaves to `moment` when it is used. Nothing of it outlives the object that it came with, other than under its own full
text: the library keeps it under its TZID for the whole process, so that one sender could set the clock of others.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice

from ics.errors import IcsError, OutOfTime, Unreadable
from ics.limits import ZONE_CHANGES
from ics.read.calendar_object import Component
from ics.read.rule import Frequency, parse_rule, walls

_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)(\d\d)?", re.ASCII)
_WALL = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # wall times, until an offset makes them moments

_FIRST = datetime(1970, 1, 1)  # noqa: DTZ001
_LAST = datetime(2100, 1, 1)  # noqa: DTZ001
"""Its rules are followed between these; before and after, the clock stays as it is there."""


class FileZone(tzinfo):
    """
    A clock with changes at known moments.

    A time that it never shows is read by the offset before the change, which moves it on by the gap; one that it shows
    twice is the first (RFC 5545, 3.3.5), as `fold` says.
    """

    def __init__(self, before: int, changes: list[tuple[int, int]]) -> None:
        """*before* is the offset in seconds until the first of *changes*: each a moment and the offset from it on."""
        self._offsets = [timedelta(seconds=each) for each in (before, *(offset for _, offset in changes))]
        self._moments = [moment for moment, _ in changes]
        steps = list(zip((before, *(offset for _, offset in changes)), changes, strict=False))
        # On the wall: from when on the new offset is meant, at the first and at the second reading.
        self._first = [moment + max(old, new) for old, (moment, new) in steps]
        self._second = [moment + min(old, new) for old, (moment, new) in steps]

    def utcoffset(self, moment: datetime | None, /) -> timedelta | None:
        if moment is None:
            return None
        seconds = (moment.replace(tzinfo=None) - _EPOCH).total_seconds()
        return self._offsets[bisect_right(self._second if moment.fold else self._first, seconds)]

    def dst(self, _moment: datetime | None, /) -> timedelta | None:
        return None

    def tzname(self, _moment: datetime | None, /) -> str | None:
        return None

    def fromutc(self, moment: datetime, /) -> datetime:
        seconds = (moment.replace(tzinfo=None) - _EPOCH).total_seconds()
        wall = moment + self._offsets[bisect_right(self._moments, seconds)]
        return wall if wall.utcoffset() == wall - moment else wall.replace(fold=1)


@lru_cache(maxsize=64)
def zone_described(timezone: Component) -> FileZone:
    """
    The clock that *timezone*, a VTIMEZONE, describes.

    Raises:
        Unreadable: It describes none, or one that changes more often than clocks do.
    """
    onsets: list[tuple[int, int, int]] = []
    for observance in timezone.components:
        if observance.name in {"STANDARD", "DAYLIGHT"}:
            onsets += _onsets(observance)
        if len(onsets) > ZONE_CHANGES:
            raise Unreadable("VTIMEZONE", "changes more often than clocks do")
    if not onsets:
        raise Unreadable("VTIMEZONE", "has no STANDARD and no DAYLIGHT")
    onsets.sort()
    return FileZone(onsets[0][1], [(moment, after) for moment, _, after in onsets])


def _onsets(observance: Component) -> list[tuple[int, int, int]]:
    """When it begins each time: the moment, and the offsets before and after."""
    before, after = _offset(observance, "TZOFFSETFROM"), _offset(observance, "TZOFFSETTO")
    try:
        found = list(islice(_begins(observance, before), ZONE_CHANGES + 1))
    except OutOfTime:
        raise
    except (IcsError, ValueError, OverflowError):
        raise Unreadable("VTIMEZONE", "has a rule that is none") from None
    if len(found) > ZONE_CHANGES:
        raise Unreadable("VTIMEZONE", "changes more often than clocks do")
    return [(int((wall - _EPOCH).total_seconds()) - before, before, after) for wall in sorted(set(found))]


def _begins(observance: Component, before: int) -> Iterator[datetime]:
    starts = observance.first("DTSTART")
    start = _wall(starts.value if starts else "")
    yield start
    for dates in observance.all("RDATE"):
        yield from (_wall(each.partition("/")[0]) for each in dates.value.split(","))
    for rule in map(parse_rule, (each.value for each in observance.all("RRULE"))):
        if rule.frequency not in {Frequency.YEARLY, Frequency.MONTHLY}:
            raise Unreadable("VTIMEZONE", "changes more often than clocks do")
        last = _LAST
        if rule.until:
            last = min(
                last, _wall(rule.until.removesuffix("Z")) + timedelta(seconds=before if "Z" in rule.until else 0)
            )
        yield from walls(rule, start, first=_FIRST, last=last)


def _wall(text: str) -> datetime:
    found = _WALL.match(text.strip() if "T" in text else f"{text.strip()}T000000")
    if found is None:
        raise ValueError(text)
    return datetime(*map(int, found.groups()))  # type: ignore[arg-type]  # noqa: DTZ001  # six numbers


def _offset(observance: Component, name: str) -> int:
    found = observance.first(name)
    parts = _OFFSET.fullmatch(found.value.strip()) if found is not None else None
    if parts is None:
        raise Unreadable("VTIMEZONE", f"has no {name}")
    seconds = int(parts[2]) * 3600 + int(parts[3]) * 60 + int(parts[4] or 0)
    if seconds >= 24 * 3600:
        raise Unreadable("VTIMEZONE", f"has a {name} of more than a day")
    return -seconds if parts[1] == "-" else seconds
