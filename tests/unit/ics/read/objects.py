"""Objects as others write them, short: lines in, text and spans out."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ics.read.busy_spans import Busy, BusyRules, busy_of

BERLIN = ZoneInfo("Europe/Berlin")
YEAR = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def calendar(*components: str, head: tuple[str, ...] = ()) -> str:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *head, *components, "END:VCALENDAR", ""])


def component(*lines: str, name: str = "VEVENT", uid: str | None = "an-event") -> str:
    return "\r\n".join([f"BEGIN:{name}", *([f"UID:{uid}"] if uid else []), *lines, f"END:{name}"])


def event(*lines: str, head: tuple[str, ...] = ()) -> str:
    """A calendar with one event of these *lines*."""
    return calendar(component(*lines), head=head)


def busy(
    text: str,
    *,
    window: tuple[datetime, datetime] = YEAR,
    zone: ZoneInfo = BERLIN,
    **chosen: bool | frozenset[str],
) -> Busy:
    bounds = (int(window[0].timestamp()), int(window[1].timestamp()))
    return busy_of(text, window=bounds, zone=zone, rules=BusyRules(**chosen))


def spans(text: str, **context: object) -> list[str]:
    """What is busy, as `0105T0800-0900` in UTC; with both days where they differ."""
    return [_shown(start, end) for start, end, _ in busy(text, **context).spans]


def _shown(start: int, end: int) -> str:
    begin, until = (datetime.fromtimestamp(each, UTC) for each in (start, end))
    return f"{begin:%m%dT%H%M}-{until:%H%M}" if begin.date() == until.date() else f"{begin:%m%dT%H%M}-{until:%m%dT%H%M}"
