"""
Owns how long an event lasts (RFC 5545, 3.6.1).

Leaves what a DURATION says to `moment`.
"""

from ics.errors import Unreadable
from ics.read.calendar_object import Component
from ics.read.moment import Clocks, Length, Moment, clamped, epoch_of, moment_of, read_duration

_A_DAY = Length(1, 0)
_NOTHING = Length(0, 0)


def length_of(event: Component, start: Moment, clocks: Clocks) -> Length:
    """
    How long *event*, which begins at *start*, lasts. Where that cannot be read: to the end of its day, and reported.

    Raises:
        Unreadable: It ends before it begins.
    """
    try:
        length = _given(event, start, clocks)
    except Unreadable:
        clocks.report("The end of an event cannot be read; the rest of its day was taken.")
        length = _rest_of_day(start)
    if length.days < 0 or length.seconds < 0:
        raise Unreadable("DTEND", "is before DTSTART")
    # Old writers give a day its own date as its end: they mean that day.
    return _A_DAY if start.is_day and length == _NOTHING else length


def _given(event: Component, start: Moment, clocks: Clocks) -> Length:
    end = moment_of(event, "DTEND", clocks, instead=start.zone)
    if end is not None:
        return _between(start, end)
    duration = event.first("DURATION")
    if duration is not None:
        return read_duration("DURATION", duration.value)
    return _A_DAY if start.is_day else _NOTHING


def _between(start: Moment, end: Moment) -> Length:
    if start.is_day and end.is_day:
        return Length((end.wall - start.wall).days, 0)
    seconds = end.epoch - start.epoch
    if seconds <= 0 and start.is_day != end.is_day:
        return _rest_of_day(start)
    return Length(0, seconds)


def _rest_of_day(start: Moment) -> Length:
    if start.is_day:
        return _A_DAY
    midnight = clamped(start.wall, 1).replace(hour=0, minute=0, second=0)
    return Length(0, max(epoch_of(midnight, start.zone) - start.epoch, 0))
