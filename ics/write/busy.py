"""
Owns busy time as events, for calendar apps that draw nothing else.

Leaves VFREEBUSY, which scheduling clients read, to `freebusy`.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from ics.event import Event, Klass, Organizer
from ics.write.event import render_event

Span = tuple[datetime, datetime]

_STAND_IN = "0" * 32
_BEGINS, _ENDS = datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 2, tzinfo=UTC)
_FORMAT = "%Y%m%dT%H%M%SZ"


def merged(spans: Iterable[Span]) -> list[Span]:
    """The union of *spans*, in order; those that touch become one."""
    union: list[Span] = []
    for start, end in sorted(spans):
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(union[-1][1], end))
        elif start < end:
            union.append((start, end))
    return union


def render_busy(
    spans: Iterable[Span],
    *,
    uid_of: Callable[[datetime, datetime], str],
    stamp: datetime,
    organizer: Organizer,
    summary: str = "Busy",
) -> Iterator[str]:
    """
    One opaque, private VEVENT in UTC per span of the union of *spans*.

    One is rendered by the library, and the others are that one with their own times: thousands cost milliseconds.

    Args:
        uid_of: 32 characters that fold nowhere and name a span without saying whose it is.
        organizer: RFC 5546, 3.2.1 wants one in what is published.
    """
    pattern = render_event(
        Event(
            uid=_STAND_IN,
            start=_BEGINS,
            end=_ENDS,
            stamp=stamp,
            summary=summary,
            organizer=organizer,
            klass=Klass.PRIVATE,
        ),
        zone=None,
    )
    before, after = f"DTSTART:{_BEGINS.strftime(_FORMAT)}", f"DTEND:{_ENDS.strftime(_FORMAT)}"
    for start, end in merged(spans):
        text = pattern.replace(_STAND_IN, uid_of(start, end), 1)
        text = text.replace(before, f"DTSTART:{start.astimezone(UTC).strftime(_FORMAT)}", 1)
        yield text.replace(after, f"DTEND:{end.astimezone(UTC).strftime(_FORMAT)}", 1)
