"""
Owns the VCALENDAR around components that are already text: its properties and the time zones they need.

Leaves the components to `event`, and what belongs into a feed or a message to the caller.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import icalendar
from icalendar.prop import vDuration, vUri

from ics.errors import MissingTimezone, NaiveMoment, Unwritable
from ics.event import Method
from ics.write.colour import hex_of
from ics.write.text import Text, clean_text, clean_uri
from ics.write.timezone import UTC_TIMEZONE

_NAME_LIMIT = 200
_DESCRIPTION_LIMIT = 1_000

_TIMEZONE_USE = re.compile(r"^(?:DTSTART|DTEND|RECURRENCE-ID|RDATE|EXDATE);TZID=([^:;\r\n]+)", re.MULTILINE)
"""What carries a TZID here; a folded line cannot be mistaken for it, because it begins with a space."""

END = b"END:VCALENDAR\r\n"


def assemble(
    events: Iterable[str],
    *,
    method: Method | None,
    prodid: str,
    zones: Mapping[str, str] | None = None,
    uid: str | None = None,
    name: str | None = None,
    description: str | None = None,
    colour: str | None = None,
    refresh: timedelta | None = None,
    url: str | None = None,
    source: str | None = None,
    zone_name: str | None = None,
    changed: datetime | None = None,
) -> bytes:
    """
    The document of *events*, texts as `render_event` makes them, which are joined as they are (RFC 5545,
    3.4).

    Each property of RFC 7986 comes with the older one of equal value that clients know. A calendar must
    have a component (RFC 5545, 3.6): one without events gets a VTIMEZONE of UTC, which no client shows.

    Args:
        method: `None` for an object on a CalDAV server (RFC 4791, 4.1).
        zones: VTIMEZONE text by TZID; those that *events* do not use are left out.
        colour: A CSS3 name such as `royalblue` (RFC 7986, 5.9).
        refresh: How often a subscriber should ask again, in whole seconds.
        url: Where the calendar is shown to people.
        source: Where this document is fetched from.
        zone_name: IANA name of the zone that a client may show the calendar in.
        changed: Last change of anything in it, aware.

    Raises:
        MissingTimezone: *events* use a TZID that *zones* has not.
        NaiveMoment: *changed* has no zone.
        Unwritable: One of *events* is no complete component, or a property has no valid value.
    """
    body = "".join(_complete(event) for event in events)
    head = open_calendar(
        method=method,
        prodid=prodid,
        uid=uid,
        name=name,
        description=description,
        colour=colour,
        refresh=refresh,
        url=url,
        source=source,
        zone_name=zone_name,
        changed=changed,
    )
    timezones = _timezones(body, zones or {})
    return b"".join((head, timezones.encode(), body.encode(), END))


def open_calendar(
    *,
    method: Method | None,
    prodid: str,
    uid: str | None = None,
    name: str | None = None,
    description: str | None = None,
    colour: str | None = None,
    refresh: timedelta | None = None,
    url: str | None = None,
    source: str | None = None,
    zone_name: str | None = None,
    changed: datetime | None = None,
) -> bytes:
    """The beginning of a document, up to its first component; `END` ends it. The arguments are those of `assemble`."""
    calendar = _calendar(method, prodid, uid)
    _add_names(calendar, name, description, zone_name)
    _add_look(calendar, colour, refresh)
    _add_links(calendar, url, source)
    if changed is not None:
        calendar.add("LAST-MODIFIED", _aware(changed).astimezone(UTC))
    head: bytes = calendar.to_ical(sorted=False)
    return head.removesuffix(END)


def _complete(event: str) -> str:
    if not event.startswith("BEGIN:V") or not event.endswith("\r\n"):
        raise Unwritable("component", "is not a whole component with CRLF line ends")
    return event


def _timezones(body: str, zones: Mapping[str, str]) -> str:
    """What *body* needs of *zones*, each once, sorted (RFC 5545, 3.2.19)."""
    if not body:
        return UTC_TIMEZONE
    used = sorted(set(_TIMEZONE_USE.findall(body))) if ";TZID=" in body else []
    missing = [tzid for tzid in used if tzid not in zones]
    if missing:
        raise MissingTimezone(missing[0])
    return "".join(_complete(zones[tzid]) for tzid in used)


def _calendar(method: Method | None, prodid: str, uid: str | None) -> icalendar.Calendar:
    calendar = icalendar.Calendar()
    calendar["VERSION"] = Text("2.0")
    calendar["PRODID"] = Text(clean_text(prodid, limit=_NAME_LIMIT))
    calendar["CALSCALE"] = Text("GREGORIAN")
    if method:
        calendar["METHOD"] = Text(method)
    if uid:
        calendar["UID"] = Text(clean_text(uid, limit=_NAME_LIMIT))
    return calendar


def _add_names(calendar: icalendar.Calendar, name: str | None, description: str | None, zone: str | None) -> None:
    if name:
        calendar["NAME"] = calendar["X-WR-CALNAME"] = Text(clean_text(name, limit=_NAME_LIMIT))
    if description:
        text = Text(clean_text(description, limit=_DESCRIPTION_LIMIT))
        calendar["DESCRIPTION"] = calendar["X-WR-CALDESC"] = text
    if zone:
        calendar["X-WR-TIMEZONE"] = Text(clean_text(zone, limit=_NAME_LIMIT))


def _add_look(calendar: icalendar.Calendar, colour: str | None, refresh: timedelta | None) -> None:
    if colour:
        calendar["X-APPLE-CALENDAR-COLOR"] = Text(hex_of(colour))
        calendar["COLOR"] = Text(colour.lower())
    if refresh is not None:
        if refresh < timedelta(seconds=1):
            raise Unwritable("REFRESH-INTERVAL", "must be positive")
        period = timedelta(seconds=int(refresh.total_seconds()))
        calendar["REFRESH-INTERVAL"] = vDuration(period, params={"VALUE": "DURATION"})
        calendar["X-PUBLISHED-TTL"] = vDuration(period)


def _add_links(calendar: icalendar.Calendar, url: str | None, source: str | None) -> None:
    if url:
        calendar["URL"] = vUri(clean_uri(url, field="URL"))
    if source:
        calendar["SOURCE"] = vUri(clean_uri(source, field="SOURCE"), params={"VALUE": "URI"})


def _aware(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise NaiveMoment("changed")
    return moment
