"""
Owns the step between wall clocks and moments: stretches of constant offset, gaps and folds included.

Leaves opening windows to `hours`. Wall time is counted in seconds as if the wall clock were UTC.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from server.domain.errors import UnknownZone

_DAY = 86_400
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class Stretch(NamedTuple):
    """A time in which a zone's offset does not change: `[start, end)`, and the seconds it is ahead of UTC."""

    start: int
    end: int
    offset: int


@lru_cache(maxsize=1)
def _known_zones() -> frozenset[str]:
    # "localtime" and "Factory" are files of the zone database, not zones a person could mean.
    return frozenset(available_timezones() - {"localtime", "Factory"})


def zone(name: str) -> ZoneInfo:
    """
    The IANA zone called *name*, spelled exactly so (aliases included).

    Raises:
        UnknownZone: *name* is not a key of the zone database. Nothing is looked up on disk for such a name.
    """
    if name not in _known_zones():
        raise UnknownZone(name=name[:100])
    return ZoneInfo(name)


def midnight(day: date) -> int:
    """Wall seconds at the beginning of *day*."""
    return (day.toordinal() - _EPOCH_DAY) * _DAY


def offset_at(where: ZoneInfo, moment: int) -> int:
    """Seconds that *where* is ahead of UTC at *moment*."""
    delta = datetime.fromtimestamp(moment, where).utcoffset()
    return int((delta or timedelta()).total_seconds())


def local_date(where: ZoneInfo, moment: int) -> date:
    """The date on a calendar in *where* at *moment*."""
    return date_in(where, datetime.fromtimestamp(moment, UTC))


def date_in(where: ZoneInfo, moment: datetime) -> date:
    """The date on a calendar in *where* at *moment*, which is aware."""
    return moment.astimezone(where).date()


def utc_day(moment: datetime) -> date:
    """The day of UTC at *moment*: for what rolls over everywhere at once, never for what a person calls a date."""
    return moment.astimezone(UTC).date()


def stretches(where: ZoneInfo, start: int, end: int) -> list[Stretch]:
    """The stretches of *where* that cover `[start, end)`, in order and cut to it."""
    cut: list[Stretch] = []
    for year in range(_year(start), _year(end - 1) + 1):
        for stretch in _stretches_of_year(where, year):
            low, high = max(stretch.start, start), min(stretch.end, end)
            if low >= high:
                continue
            if cut and cut[-1].offset == stretch.offset:
                cut[-1] = Stretch(cut[-1].start, high, stretch.offset)
            else:
                cut.append(Stretch(low, high, stretch.offset))
    return cut


def instants(where: ZoneInfo, wall_start: int, wall_end: int) -> list[tuple[int, int]]:
    """
    The moments at which a clock in *where* reads a wall time in `[wall_start, wall_end)`.

    Nothing for wall times that a gap skips; two spans for those that a fold repeats.
    """
    around = stretches(where, wall_start - _DAY, wall_end + _DAY)
    return [
        (max(wall_start - s.offset, s.start), min(wall_end - s.offset, s.end))
        for s in around
        if max(wall_start - s.offset, s.start) < min(wall_end - s.offset, s.end)
    ]


def day_span(where: ZoneInfo, first: date, last: date) -> tuple[int, int]:
    """From the first moment of *first* to the end of *last*, as a calendar in *where* shows them."""
    whole = instants(where, midnight(first), midnight(last) + _DAY)
    if not whole:  # every one of these dates is skipped (Samoa left out 2011-12-30)
        return midnight(first), midnight(first)
    return whole[0][0], whole[-1][1]


def _year(moment: int) -> int:
    return datetime.fromtimestamp(moment, UTC).year


@lru_cache(maxsize=4096)
def _stretches_of_year(where: ZoneInfo, year: int) -> tuple[Stretch, ...]:
    """
    The stretches of one UTC year, found by comparing the offsets of consecutive days and bisecting where they differ.

    No zone has ever changed its offset twice within one day and back, so a step of a day misses nothing.
    """
    begin = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime(year + 1, 1, 1, tzinfo=UTC).timestamp())
    found: list[Stretch] = []
    stretch_start, offset = begin, offset_at(where, begin)
    for day in range(begin, end, _DAY):
        next_day = min(day + _DAY, end - 1)
        if offset_at(where, next_day) == offset:
            continue
        change = _first_change(where, max(day, stretch_start), next_day, offset)
        found.append(Stretch(stretch_start, change, offset))
        stretch_start, offset = change, offset_at(where, change)
    found.append(Stretch(stretch_start, end, offset))
    return tuple(found)


def _first_change(where: ZoneInfo, low: int, high: int, offset: int) -> int:
    """The first moment in `(low, high]` with another offset than *offset*, which *low* has and *high* has not."""
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(where, middle) == offset:
            low = middle
        else:
            high = middle
    return high
