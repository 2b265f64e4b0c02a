"""
Owns telling what somebody did to an event of ours in their own calendar, and what to write over it.

Leaves whether to follow or to undo it to whoever keeps the appointments. Peers rewrite what they store: DTSTAMP,
SEQUENCE, alarms, categories and the layout never count as an edit; nor do title and notes, which are the owner's to
change.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from ics.event import Event
from ics.read.own_view import EventView

Span = tuple[datetime, datetime]

_TEXTS = ("summary", "description", "location")


class Edit(StrEnum):
    """What was done to an event."""

    MOVED = "moved"
    """It begins at another moment."""
    RESHAPED = "reshaped"
    """It has another length, lasts all day, or repeats: an appointment cannot follow."""
    REMOVED = "removed"
    """It is cancelled, or gone."""


def edit_of(written: Span, seen: EventView) -> Edit | None:
    """What was done since we wrote *written*; None if nothing that matters."""
    if seen.cancelled:
        return Edit.REMOVED
    if seen.all_day or seen.recurring:
        return Edit.RESHAPED
    if seen.start != written[0]:
        return Edit.MOVED
    return Edit.RESHAPED if seen.end != written[1] else None


def fields_to_write(ours: Event, written: Mapping[str, str], seen: EventView) -> frozenset[str]:
    """
    What of *ours* has to be written over *seen*.

    Times and status are ours. A text is ours as long as it is what we wrote last: after that it is theirs.

    Args:
        written: The texts, and `status`, that we wrote last; empty where that is not known, which means: theirs.
    """
    fields = {name for name in _TEXTS if _is_ours_to_change(name, ours, written, seen)}
    if seen.all_day or seen.recurring or (seen.start, seen.end) != (ours.start, ours.end):
        fields.add("times")
    if seen.cancelled or seen.transparent != ours.transparent or written.get("status", ours.status) != ours.status:
        fields.add("status")
    return frozenset(fields)


def texts_of(event: Event) -> dict[str, str]:
    """What to remember of *event* for `fields_to_write`."""
    texts: dict[str, str] = {name: _plain(getattr(event, name)) for name in _TEXTS}
    return {**texts, "status": event.status.value}


def _is_ours_to_change(name: str, ours: Event, written: Mapping[str, str], seen: EventView) -> bool:
    before = written.get(name)
    return before is not None and _plain(getattr(seen, name)) == before and _plain(getattr(ours, name)) != before


def _plain(text: str | None) -> str:
    """Without what peers change in passing: line ends, blanks around lines."""
    return "\n".join(line.strip() for line in (text or "").replace("\r\n", "\n").strip().split("\n"))
