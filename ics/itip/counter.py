"""
Owns counter-proposals: reading METHOD:COUNTER and declining one with METHOD:DECLINECOUNTER (RFC 5546, 3.2.7, 3.2.8).

Leaves granting one, which is a new invitation, to `request`.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ics.errors import Unreadable
from ics.event import Attendee, Event, Method
from ics.itip.document import build_document, with_attendee
from ics.read.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """The time that somebody would rather have; *end* None: as long as it was."""

    uid: str
    sequence: int
    stamp: datetime
    attendee: str | None
    start: datetime
    end: datetime | None
    comment: str


def read_counter(message: Message) -> Counter:
    """
    The proposal in *message*.

    Raises:
        Unreadable: It is none, or proposes no time.
    """
    if message.method is not Method.COUNTER:
        raise Unreadable("METHOD", f"is {message.method} and not COUNTER")
    if message.start is None:
        raise Unreadable("DTSTART", "is missing")
    if message.end is not None and message.end <= message.start:
        raise Unreadable("DTEND", "is not after DTSTART")
    return Counter(
        uid=message.uid,
        sequence=message.sequence,
        stamp=message.stamp,
        attendee=message.attendee,
        start=message.start,
        end=message.end,
        comment=message.comment,
    )


def build_declinecounter(
    event: Event, *, zone: ZoneInfo | None, prodid: str, attendee: Attendee | None = None
) -> bytes:
    """
    The no to a counter-proposal: *event* as it stays, for the one attendee who proposed.

    Args:
        zone: Zone in which the recipient reads the times; UTC when `None` or when it cannot express them.
        attendee: The recipient, when *event* has not exactly one attendee.

    Raises:
        Unsendable: *event* has no organizer or not exactly one recipient who is somebody else.
        Unwritable: *event* has a value that no document could carry.
    """
    addressed = with_attendee(event, attendee, Method.DECLINECOUNTER)
    return build_document(addressed, method=Method.DECLINECOUNTER, zone=zone, prodid=prodid)
