"""
Owns reading one scheduling document that somebody else wrote: bounded, tolerant of what does not matter.

Leaves what each method demands to `itip`, and finding the document in a mail to `itip/mail`.
"""

import re
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import icalendar
from icalendar.error import GloballyUniqueTZIDGuessed

from ics.errors import TooLarge, UnknownTimezone, Unreadable
from ics.event import Method, PartStat
from ics.limits import COMMENT_CHARACTERS, MESSAGE_BYTES, MESSAGE_COMPONENTS, MESSAGE_LINES
from ics.read.zone import zone_named

_BEGIN = re.compile(r"^BEGIN:", re.MULTILINE | re.IGNORECASE)
_TIMEZONE = re.compile(r"^BEGIN:VTIMEZONE\s*\n.*?^END:VTIMEZONE\s*\n", re.MULTILINE | re.IGNORECASE | re.DOTALL)
_LINE_END = re.compile(r"\r*\n|\r+")
"""Also what is left of CRLF where a quoted-printable part encodes its CR besides."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MAILTO = re.compile(r"(?i)mailto:")
_ADDRESS = re.compile(r"[^\s@<>,;:\"]{1,64}@[^\s@<>,;:\"]{1,255}")

_MATTERS = frozenset({"UID", "SEQUENCE", "DTSTAMP", "ATTENDEE", "RECURRENCE-ID"})
_MATTERS_IN_COUNTER = _MATTERS | {"DTSTART", "DTEND", "DURATION"}

_LONGEST_UID = 255
_MOST_SEQUENCE = 2**31 - 1

# Whatever the library stumbles over is the document's fault; these are what its parsers raise.
# OSError: a TZID such as Europe names a directory of the zone files.
_PARSERS_RAISE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    What a scheduling document says (RFC 5546, 3.2), moments in UTC.

    Attributes:
        sequence: Of the invitation that it answers; 0 where it is left out.
        attendee: Bare address in lower case; None where there is none, or it is no mail address.
        partstat: Of that attendee. A value that RFC 5545 does not know counts as NEEDS-ACTION (3.2.12).
        start: Given in every COUNTER; in other methods None where it cannot be told which moment is meant.
        end: None where neither DTEND nor DURATION tells.
        comment: Words of the attendee, on one line.
    """

    method: Method
    uid: str
    sequence: int
    stamp: datetime
    attendee: str | None
    partstat: PartStat | None
    start: datetime | None
    end: datetime | None
    comment: str


def read_message(document: bytes) -> Message:
    """
    The one event in *document*, which is UTF-8 or close to it.

    Raises:
        TooLarge: It is beyond `limits`.
        Unreadable: It is not one calendar with a method and one event, or a property that matters is broken,
            missing or there twice.
        UnknownTimezone: It proposes a time, in a zone that we do not know or in none.
    """
    calendar = _parse(_bounded(document))
    method = _method(calendar)
    events = [each for each in calendar.subcomponents if each.name == "VEVENT"]
    if len(events) != 1:
        raise Unreadable("document", "has not exactly one event")
    event = events[0]
    _check_whole(event, _MATTERS_IN_COUNTER if method is Method.COUNTER else _MATTERS)
    attendee, partstat = _attendee(event)
    start, end = _times(event, method)
    return Message(
        method=method,
        uid=_uid(event),
        sequence=_sequence(event),
        stamp=_stamp(event),
        attendee=attendee,
        partstat=partstat,
        start=start,
        end=end,
        comment=_comment(event),
    )


def _bounded(document: bytes) -> str:
    if len(document) > MESSAGE_BYTES:
        raise TooLarge("bytes", MESSAGE_BYTES)
    text = document.decode("utf-8", "replace").removeprefix("\ufeff")
    text = _LINE_END.sub("\n", text)
    if text.count("\n") > MESSAGE_LINES:
        raise TooLarge("lines", MESSAGE_LINES)
    if len(_BEGIN.findall(text)) > MESSAGE_COMPONENTS:
        raise TooLarge("components", MESSAGE_COMPONENTS)
    # Without the zones that it describes, see `zone_named`.
    return _CONTROLS.sub("", _TIMEZONE.sub("", text))


def _parse(text: str) -> icalendar.Component:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GloballyUniqueTZIDGuessed)  # `zone_named` makes its own guess
            calendar = icalendar.Component.from_ical(text)
    except _PARSERS_RAISE:
        raise Unreadable("document", "is not a calendar") from None
    if calendar.name != "VCALENDAR":
        raise Unreadable("document", "is not a calendar")
    return calendar


def _method(calendar: icalendar.Component) -> Method:
    value = _one(calendar, "METHOD")
    try:
        return Method(str(value).strip().upper())
    except ValueError:
        raise Unreadable("METHOD", "is missing or not one that we know") from None


def _check_whole(event: icalendar.Component, matters: frozenset[str]) -> None:
    broken = {str(name).upper() for name, _ in event.errors} & matters
    if broken:
        raise Unreadable(min(broken), "is broken")
    if event.get("RECURRENCE-ID") is not None:
        raise Unreadable("RECURRENCE-ID", "has no place in an appointment that happens once")


def _one(component: icalendar.Component, name: str) -> Any:
    """The value of a property that may be there once; None if it is not."""
    value = component.get(name)
    if isinstance(value, list):
        raise Unreadable(name, "is there more than once")
    return value


def _uid(event: icalendar.Component) -> str:
    uid = str(_one(event, "UID") or "").strip()
    if not 1 <= len(uid) <= _LONGEST_UID:
        raise Unreadable("UID", "is missing or too long")
    return uid


def _sequence(event: icalendar.Component) -> int:
    value = _one(event, "SEQUENCE")
    try:
        sequence = 0 if value is None else int(value)
    except _PARSERS_RAISE:
        raise Unreadable("SEQUENCE", "is not a number") from None
    if not 0 <= sequence <= _MOST_SEQUENCE:
        raise Unreadable("SEQUENCE", "is out of range")
    return sequence


def _stamp(event: icalendar.Component) -> datetime:
    try:
        stamp = _moment(event, "DTSTAMP")
    except UnknownTimezone:
        raise Unreadable("DTSTAMP", "is not in UTC") from None
    if stamp is None:
        raise Unreadable("DTSTAMP", "is missing")
    return stamp


def _times(event: icalendar.Component, method: Method) -> tuple[datetime | None, datetime | None]:
    """Start and end. Only who proposes a time has to be understood: an answer's copy of ours says nothing new."""
    try:
        start = _moment(event, "DTSTART")
        end = _moment(event, "DTEND")
        if start is not None and end is None:
            end = _end_after(start, event)
    except (Unreadable, UnknownTimezone):
        if method is Method.COUNTER:
            raise
        return None, None
    return start, end


def _moment(event: icalendar.Component, name: str) -> datetime | None:
    value = _one(event, name)
    if value is None:
        return None
    try:
        moment, tzid = value.dt, value.params.get("TZID")
    except _PARSERS_RAISE:
        raise Unreadable(name, "is not a time") from None
    if not isinstance(moment, datetime):
        raise Unreadable(name, "is a day and not a time")
    wall = moment.replace(tzinfo=None)
    try:
        if tzid is not None and str(tzid) != "UTC":
            return wall.replace(tzinfo=zone_named(str(tzid))).astimezone(UTC)
        if moment.tzinfo is None:
            raise UnknownTimezone("")
        return wall.replace(tzinfo=UTC)
    except OverflowError:
        raise Unreadable(name, "is out of range") from None


def _end_after(start: datetime, event: icalendar.Component) -> datetime | None:
    value = _one(event, "DURATION")
    if value is None:
        return None
    try:
        lasts = value.dt
        return start + lasts if isinstance(lasts, timedelta) else None
    except _PARSERS_RAISE:
        raise Unreadable("DURATION", "is not a duration") from None


def _attendee(event: icalendar.Component) -> tuple[str | None, PartStat | None]:
    value = _one(event, "ATTENDEE")
    if value is None:
        return None, None
    parameters = value.params
    uri = str(value).strip()
    # A CalDAV server may name its user by something else, with the address beside it (RFC 7986, 6.2).
    written = unquote(uri[7:]) if _MAILTO.match(uri) else str(parameters.get("EMAIL", uri))
    address = written.strip().lower()
    return (address if _ADDRESS.fullmatch(address) else None), _partstat(str(parameters.get("PARTSTAT", "")))


def _partstat(value: str) -> PartStat:
    try:
        return PartStat(value.strip().upper())
    except ValueError:
        return PartStat.NEEDS_ACTION


def _comment(event: icalendar.Component) -> str:
    found = event.get("COMMENT")
    words = found if isinstance(found, list) else [found] if found is not None else []
    one_line = " ".join(" ".join(str(each) for each in words).split())
    return "".join(character for character in one_line if character.isprintable())[:COMMENT_CHARACTERS]
