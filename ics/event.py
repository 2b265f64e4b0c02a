"""
Owns the values that reading and writing share: an event, its people and its alarms, in the words of RFC 5545.

Leaves what a valid document demands of them to `write`, because what others send is often less than valid.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ics.errors import NaiveMoment


class Method(StrEnum):
    """What the sender wants done with a document (RFC 5546, 1.4)."""

    PUBLISH = "PUBLISH"
    REQUEST = "REQUEST"
    REPLY = "REPLY"
    CANCEL = "CANCEL"
    REFRESH = "REFRESH"
    COUNTER = "COUNTER"
    DECLINECOUNTER = "DECLINECOUNTER"


class Status(StrEnum):
    """Whether an event takes place (RFC 5545, 3.8.1.11)."""

    CONFIRMED = "CONFIRMED"
    TENTATIVE = "TENTATIVE"
    CANCELLED = "CANCELLED"


class Klass(StrEnum):
    """Who may see an event in a shared calendar: the property CLASS (RFC 5545, 3.8.1.3)."""

    PUBLIC = "PUBLIC"
    PRIVATE = "PRIVATE"
    CONFIDENTIAL = "CONFIDENTIAL"


class PartStat(StrEnum):
    """What an attendee has answered (RFC 5545, 3.2.12)."""

    NEEDS_ACTION = "NEEDS-ACTION"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    TENTATIVE = "TENTATIVE"
    DELEGATED = "DELEGATED"


class Role(StrEnum):
    """How much an attendee is needed (RFC 5545, 3.2.16)."""

    CHAIR = "CHAIR"
    REQUIRED = "REQ-PARTICIPANT"
    OPTIONAL = "OPT-PARTICIPANT"
    NONE = "NON-PARTICIPANT"


class CuType(StrEnum):
    """What kind of calendar user an attendee is (RFC 5545, 3.2.3)."""

    INDIVIDUAL = "INDIVIDUAL"
    GROUP = "GROUP"
    RESOURCE = "RESOURCE"
    ROOM = "ROOM"
    UNKNOWN = "UNKNOWN"


class ScheduleAgent(StrEnum):
    """Who sends the scheduling messages of an event stored on a CalDAV server (RFC 6638, 7.1)."""

    SERVER = "SERVER"
    CLIENT = "CLIENT"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Organizer:
    """Who invites. *email* is a bare address, without `mailto:`; *name* becomes CN."""

    email: str
    name: str | None = None
    schedule_agent: ScheduleAgent | None = None


@dataclass(frozen=True, slots=True)
class Attendee:
    """Who is invited; the defaults are those of an invitation that asks for an answer (RFC 5545, 3.8.4.1)."""

    email: str
    name: str | None = None
    partstat: PartStat = PartStat.NEEDS_ACTION
    role: Role = Role.REQUIRED
    rsvp: bool = True
    cutype: CuType = CuType.INDIVIDUAL
    schedule_agent: ScheduleAgent | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """A notice on the screen; *trigger* counts from the start and is negative before it (RFC 5545, 3.6.6)."""

    trigger: timedelta
    description: str = "Reminder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """
    One appointment as a calendar shows it (RFC 5545, 3.6.1).

    Every moment may come in any zone and is kept in UTC, cut to the whole seconds that the format knows.
    *stamp* is the last change of the appointment, not the present: it becomes DTSTAMP and LAST-MODIFIED.
    *uid* must never change and must say nothing about a person. *sequence* counts the changes of time (RFC
    5545, 3.8.7.4).

    Raises:
        NaiveMoment: *start*, *end*, *stamp* or *created* has no zone.
    """

    uid: str
    start: datetime
    end: datetime
    stamp: datetime
    summary: str
    description: str | None = None
    location: str | None = None
    url: str | None = None
    status: Status = Status.CONFIRMED
    sequence: int = 0
    created: datetime | None = None
    organizer: Organizer | None = None
    attendees: tuple[Attendee, ...] = ()
    categories: tuple[str, ...] = ()
    transparent: bool = False
    klass: Klass | None = None
    alarms: tuple[Alarm, ...] = ()

    def __post_init__(self) -> None:
        for field in ("start", "end", "stamp", "created"):
            moment = getattr(self, field)
            if moment is not None:
                object.__setattr__(self, field, _in_utc(moment, field))


def _in_utc(moment: datetime, field: str) -> datetime:
    if moment.utcoffset() is None:
        raise NaiveMoment(field)
    return moment.astimezone(UTC).replace(microsecond=0)
