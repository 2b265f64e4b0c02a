"""
Owns opening time: weekly windows, and the dates that replace them, as moments and as a grid of starts.

Leaves everything else that can refuse a start to `rules`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server.domain.intervals import Spans, union
from server.domain.zones import Stretch, local_date, midnight, stretches

LONGEST_WINDOW_MIN = 2880
"""A window may cross two midnights, so a date's opening depends on the two dates before it."""

Minutes = tuple[int, int]


@dataclass(frozen=True, slots=True)
class WeeklyWindow:
    """Open every week on *weekday* (Monday is 0), from and to minutes after its local midnight."""

    weekday: int
    start_min: int
    end_min: int
    valid_from: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class DateException:
    """A date whose *windows* replace the weekly ones; none means closed."""

    day: date
    windows: tuple[Minutes, ...]


class Piece(NamedTuple):
    """A part of one opening window in which the clock runs evenly: `[start, end)`, and where its grid begins."""

    start: int
    end: int
    anchor: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """
    The opening time around a window of starts, layer by layer.

    A layer that takes nothing away is the same object as the one below it.
    """

    ordinary: Spans
    """As if there were neither holidays nor closing exceptions, but with the hours that exceptions add."""

    without_holidays: Spans
    """The same, holidays taken away."""

    open: Spans
    """What is really open: exceptions in force, too."""

    pieces: Sequence[Piece]
    """The windows that make up `open`, for the grid of starts."""


def open_sheet(
    where: ZoneInfo,
    span: tuple[int, int],
    *,
    weekly: Sequence[WeeklyWindow],
    exceptions: Sequence[DateException] = (),
    holidays: Collection[date] = (),
) -> Sheet:
    """The opening time of a place in *where* that touches *span*."""
    around = stretches(where, span[0] - 86_400, span[1] + 86_400)
    replaced = {exception.day: exception.windows for exception in exceptions}
    plain: list[Piece] = []
    on_holidays: list[Piece] = []
    on_replaced: list[Piece] = []
    added: list[Piece] = []
    for day, windows in _weekly_windows(where, span, weekly):
        target = on_replaced if day in replaced else on_holidays if day in holidays else plain
        target += _pieces(day, windows, around)
    for day, special in replaced.items():
        added += _pieces(day, special, around)
    effective = plain + added
    is_open = _union(effective)
    without_holidays = _union(effective + on_replaced) if on_replaced else is_open
    ordinary = _union(effective + on_replaced + on_holidays) if on_holidays else without_holidays
    return Sheet(ordinary, without_holidays, is_open, effective)


def _weekly_windows(
    where: ZoneInfo, span: tuple[int, int], weekly: Sequence[WeeklyWindow]
) -> Iterator[tuple[date, list[Minutes]]]:
    """The weekly windows of each date that can touch *span*."""
    by_weekday: Mapping[int, list[WeeklyWindow]] = {
        weekday: [w for w in weekly if w.weekday == weekday] for weekday in range(7)
    }
    day = local_date(where, span[0]) - timedelta(minutes=LONGEST_WINDOW_MIN)
    last = local_date(where, span[1])
    while day <= last:
        windows = [
            (w.start_min, w.end_min)
            for w in by_weekday[day.weekday()]
            if (w.valid_from is None or w.valid_from <= day) and (w.valid_until is None or day <= w.valid_until)
        ]
        if windows:
            yield day, windows
        day += timedelta(days=1)


def _pieces(day: date, windows: Sequence[Minutes], around: Sequence[Stretch]) -> list[Piece]:
    """
    The moments at which the clock reads a time in one of *windows*.

    A gap leaves a piece out; a fold gives two. The grid follows the clock: after a shift of half an hour the starts
    still read as the window's start plus whole steps.
    """
    begin = midnight(day)
    found: list[Piece] = []
    for start_min, end_min in windows:
        wall_start, wall_end = begin + start_min * 60, begin + end_min * 60
        for low, high, offset in around:
            start, end = wall_start - offset, wall_end - offset
            if start < high and end > low:
                found.append(Piece(max(start, low), min(end, high), start))
    return found


def _union(pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    return union([(start, end) for start, end, _ in pieces])


def grid(pieces: Sequence[Piece], step: int, window: tuple[int, int]) -> list[int]:
    """The starts in *window*, ordered, each a whole number of *step* seconds after its opening window's start."""
    low, high = window
    starts: list[int] = []
    for start, end, anchor in pieces:
        first = max(low, start)
        first += (anchor - first) % step
        starts += range(first, min(high, end), step)
    return sorted(set(starts))
