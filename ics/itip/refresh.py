"""
Owns reading the wish to get an invitation again: METHOD:REFRESH (RFC 5546, 3.2.6).

Leaves sending it, and how often, to whoever keeps the appointment.
"""

from dataclasses import dataclass
from datetime import datetime

from ics.errors import Unreadable
from ics.event import Method
from ics.read.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """Who wants to see which invitation again."""

    uid: str
    stamp: datetime
    attendee: str | None


def read_refresh(message: Message) -> Refresh:
    """
    The wish in *message*.

    Raises:
        Unreadable: It is none.
    """
    if message.method is not Method.REFRESH:
        raise Unreadable("METHOD", f"is {message.method} and not REFRESH")
    return Refresh(uid=message.uid, stamp=message.stamp, attendee=message.attendee)
