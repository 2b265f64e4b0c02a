# a refusal is named by what is wrong, as in server/domain/errors
"""
Owns every refusal of the package, with the data that a caller needs to answer it.

Leaves what to do about one (retry, skip, tell somebody) to the caller.

    IcsError
    ├── NaiveMoment           a datetime without a zone where a moment is needed
    ├── Unwritable            a value that no valid document could carry
    ├── MissingTimezone       a component names a TZID that nobody described
    ├── Unsendable            RFC 5546 does not allow this message for this event
    ├── Unreadable            what was received is not what it should be
    ├── TooLarge              what was received is more than anybody would send in earnest
    ├── UnknownTimezone       a time is given in a zone that we do not know
    ├── TooWild               a recurrence asks for more than is worked out
    │   └── OutOfTime         or for longer than it is given
    └── NotStarted            the process that works out recurrences does not start
"""

from dataclasses import dataclass


@dataclass(eq=False)
class IcsError(Exception):
    """Something about a calendar document is not as it must be."""

    def __str__(self) -> str:
        return (self.__doc__ or type(self).__name__).strip().split("\n")[0]


@dataclass(eq=False)
class NaiveMoment(IcsError):
    """A moment must carry a time zone."""

    field: str

    def __str__(self) -> str:
        return f"{self.field} must be an aware datetime."


@dataclass(eq=False)
class Unwritable(IcsError):
    """A value does not fit into a calendar document; it may be private and is not repeated here."""

    field: str
    why: str

    def __str__(self) -> str:
        return f"{self.field} {self.why}."


@dataclass(eq=False)
class MissingTimezone(IcsError):
    """A component uses a TZID without a VTIMEZONE beside it (RFC 5545, 3.2.19)."""

    tzid: str

    def __str__(self) -> str:
        return f"No VTIMEZONE was given for {self.tzid}."


@dataclass(eq=False)
class Unsendable(IcsError):
    """RFC 5546 does not allow this message for this event."""

    method: str
    why: str

    def __str__(self) -> str:
        return f"{self.method}: {self.why}."


@dataclass(eq=False)
class Unreadable(IcsError):
    """What was received cannot be understood; it comes from outside and is not repeated here."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what} {self.why}."


@dataclass(eq=False)
class TooLarge(IcsError):
    """What was received is larger than what is read."""

    what: str
    limit: int

    def __str__(self) -> str:
        return f"{self.what}: more than {self.limit}."


@dataclass(eq=False)
class UnknownTimezone(IcsError):
    """A time is given in no zone, or in one that we do not know: which moment is meant cannot be told."""

    tzid: str

    def __str__(self) -> str:
        return f"The time zone {self.tzid[:64]!r} is unknown."


@dataclass(eq=False)
class TooWild(IcsError):
    """A recurrence asks for more work than anybody's appointments do."""


@dataclass(eq=False)
class OutOfTime(TooWild):
    """Reading this took longer than it is given; raised from a signal, wherever the reader just is."""


@dataclass(eq=False)
class NotStarted(IcsError):
    """The process that works out when foreign events take place does not start."""
