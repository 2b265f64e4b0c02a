"""
Owns reading an attendee's answer: METHOD:REPLY (RFC 5546, 3.2.3).

Leaves what the answer changes to whoever keeps the appointment.
"""

from dataclasses import dataclass
from datetime import datetime

from ics.errors import Unreadable
from ics.event import Method, PartStat
from ics.read.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What somebody answers to the invitation with that *sequence*; *attendee* None: only the mail says who."""

    uid: str
    sequence: int
    stamp: datetime
    attendee: str | None
    partstat: PartStat
    comment: str


def read_reply(message: Message) -> Reply:
    """
    The answer in *message*.

    Raises:
        Unreadable: It is none.
    """
    if message.method is not Method.REPLY:
        raise Unreadable("METHOD", f"is {message.method} and not REPLY")
    if message.partstat is None:
        raise Unreadable("ATTENDEE", "is missing")
    return Reply(
        uid=message.uid,
        sequence=message.sequence,
        stamp=message.stamp,
        attendee=message.attendee,
        partstat=message.partstat,
        comment=message.comment,
    )
