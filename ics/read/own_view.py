"""
Owns what an appointment of ours says after somebody else's program has had it.

Leaves what a difference means to whoever syncs.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from ics.errors import Unreadable
from ics.read.busy_spans import BusyRules, blocks
from ics.read.calendar_object import Component, read_object, uid_of
from ics.read.length import length_of
from ics.read.moment import Clocks, moment_of
from ics.read.occurrences import repeats

_TRANSPARENCY = BusyRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """
    An appointment as a peer gives it back.

    Attributes:
        start: Aware UTC, as *end*; of an all-day event the midnights, in the zone that was given.
        recurring: It repeats, or has overrides; then this is the first of its occurrences.
        summary: Unescaped, as *description* and *location*; empty where there is none.
        transparent: It does not block its time, though it is not cancelled.
        problems: What had to be guessed, in plain words.
    """

    uid: str
    start: datetime
    end: datetime
    all_day: bool
    recurring: bool
    summary: str
    description: str
    location: str
    cancelled: bool
    transparent: bool
    problems: tuple[str, ...] = ()


def view_of(text: str, *, zone: tzinfo) -> EventView:
    """
    The one event of *text*; of a recurring one the master, or else its first override.

    Args:
        zone: For whole days, floating times, and times in a zone that nobody knows.

    Raises:
        TooLarge: It is beyond `limits`.
        Unreadable: It is no calendar, holds no event, or one without a UID or a time that can be read.
    """
    calendar = read_object(text)
    if not calendar.events:
        raise Unreadable("document", "has no event")
    event = min(calendar.events, key=lambda each: (each.first("RECURRENCE-ID") is not None, -_sequence(each)))
    uid = uid_of(event)
    if uid is None:
        raise Unreadable("UID", "is missing or too long")
    clocks = Clocks(calendar, local=zone)
    start = moment_of(event, "DTSTART", clocks)
    if start is None:
        raise Unreadable("DTSTART", "is missing")
    cancelled = event.word("STATUS") == "CANCELLED"
    return EventView(
        uid=uid,
        start=_moment(start.epoch),
        end=_moment(length_of(event, start, clocks).after(start)),
        all_day=start.is_day,
        recurring=repeats(event) or any(each.first("RECURRENCE-ID") is not None for each in calendar.events),
        summary=_text(event, "SUMMARY"),
        description=_text(event, "DESCRIPTION"),
        location=_text(event, "LOCATION"),
        cancelled=cancelled,
        transparent=not cancelled and not blocks(event, _TRANSPARENCY, product=calendar.product),
        problems=(*calendar.problems, *clocks.problems),
    )


def _sequence(event: Component) -> int:
    found = event.first("SEQUENCE")
    value = found.value.strip() if found is not None else ""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


def _moment(epoch: int) -> datetime:
    try:
        return datetime.fromtimestamp(epoch, UTC)
    except (ValueError, OverflowError, OSError):
        raise Unreadable("DTSTART", "is out of range") from None


def _text(event: Component, name: str) -> str:
    found = event.first(name)
    return found.text() if found is not None else ""
