"""
Owns changing an event that somebody else keeps: a few of its properties, and nothing besides.

Leaves which ones to `ics/sync`. What is not changed stays line by line as it came: a parser would drop what it does not
know, and judge what is broken.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from icalendar.parser import Contentline

from ics.errors import Unreadable
from ics.event import Event
from ics.write.text import Text, clean_text

FIELDS = frozenset({"times", "summary", "description", "location", "status"})
"""What `amend` can change."""

_LIMITS = {"SUMMARY": 255, "DESCRIPTION": 4_000, "LOCATION": 500}
_NAMES = {
    "times": ("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID"),
    "summary": ("SUMMARY",),
    "description": ("DESCRIPTION",),
    "location": ("LOCATION",),
    "status": ("STATUS", "TRANSP"),
}
_ALWAYS = ("SEQUENCE", "DTSTAMP", "LAST-MODIFIED")
_FOLD = re.compile(r"\r?\n[ \t]")
_NAME = re.compile(r"[A-Za-z0-9-]+")
_UTC = "%Y%m%dT%H%M%SZ"


def amend(text: str, event: Event, fields: frozenset[str], *, now: datetime | None = None) -> str:
    """
    The object *text* with *fields* of *event*; times in UTC. With its times written, it happens once.

    SEQUENCE becomes the higher of the two: servers refuse what looks older than what they have.

    Raises:
        Unreadable: *text* holds no event of this UID.
    """
    lines = _FOLD.sub("", text.replace("\r\n", "\n")).replace("\r", "\n").split("\n")
    if "times" in fields:
        lines = _without_overrides(lines, event.uid)
    begin, end = _master(lines, event.uid)
    own = list(_own_lines(lines[begin + 1 : end]))
    replaced = {name for field in fields for name in _NAMES[field]} | set(_ALWAYS)
    kept = [line for line, is_own in own if not (is_own and _name(line) in replaced)]
    theirs = max((_number(line) for line, is_own in own if is_own and _name(line) == "SEQUENCE"), default=0)
    fresh = [*_fresh(event, fields), f"SEQUENCE:{max(theirs, event.sequence)}"]
    stamp = (now or datetime.now(UTC)).strftime(_UTC)
    changed = [*lines[: begin + 1], *fresh, f"DTSTAMP:{stamp}", f"LAST-MODIFIED:{stamp}", *kept, *lines[end:]]
    return "".join(f"{_folded(line)}\r\n" for line in changed if line.strip())


def _folded(line: str) -> str:
    folded: bytes = Contentline(line).to_ical()  # type: ignore[no-untyped-call]
    return folded.decode()


def _master(lines: Sequence[str], uid: str) -> tuple[int, int]:
    """Where the event begins and ends; of one that repeats, its master, or else its first override."""
    places = _places(lines, uid)
    if not places:
        raise Unreadable("object", "does not hold the event")
    return min(places, key=lambda place: _is_override(lines[place[0] + 1 : place[1]]))


def _without_overrides(lines: Sequence[str], uid: str) -> list[str]:
    """*lines* without what is said of single occurrences of the event."""
    master = _master(lines, uid)
    overrides = [place for place in _places(lines, uid) if place != master]
    dropped = {number for begin, end in overrides for number in range(begin, end + 1)}
    return [line for number, line in enumerate(lines) if number not in dropped]


def _places(lines: Sequence[str], uid: str) -> list[tuple[int, int]]:
    """Where each VEVENT with *uid* begins and ends."""
    found: list[tuple[int, int]] = []
    begin = None
    for number, line in enumerate(lines):
        mark = line.strip().upper()
        if mark == "BEGIN:VEVENT":
            begin = number
        elif mark == "END:VEVENT" and begin is not None:
            own = [each for each, is_own in _own_lines(lines[begin + 1 : number]) if is_own]
            if any(_name(each) == "UID" and each.partition(":")[2].strip() == uid for each in own):
                found.append((begin, number))
            begin = None
    return found


def _is_override(lines: Sequence[str]) -> bool:
    return any(is_own and _name(line) == "RECURRENCE-ID" for line, is_own in _own_lines(lines))


def _own_lines(lines: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is the event's own and not that of an alarm in it."""
    depth = 0
    for line in lines:
        mark = line.strip().upper()
        depth += mark.startswith("BEGIN:")
        yield line, depth == 0
        depth -= mark.startswith("END:")


def _fresh(event: Event, fields: frozenset[str]) -> Iterator[str]:
    if "times" in fields:
        yield f"DTSTART:{event.start.strftime(_UTC)}"
        yield f"DTEND:{event.end.strftime(_UTC)}"
    texts = {"summary": event.summary, "description": event.description, "location": event.location}
    for field, value in texts.items():
        if field in fields and value:
            name = field.upper()
            yield f"{name}:{Text(clean_text(value, limit=_LIMITS[name])).to_ical().decode()}"
    if "status" in fields:
        yield f"STATUS:{event.status}"
        yield f"TRANSP:{'TRANSPARENT' if event.transparent else 'OPAQUE'}"


def _name(line: str) -> str:
    match = _NAME.match(line)
    return match[0].upper() if match else ""


def _number(line: str) -> int:
    digits = line.partition(":")[2].strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0
