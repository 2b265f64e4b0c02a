"""
Owns what is kept of an object so that it can be expanded again: when it is, and nothing of what it is about.

Leaves expanding to `busy_spans`.
"""

from collections.abc import Iterator

from ics.errors import UnknownTimezone
from ics.read.busy_spans import answer_of
from ics.read.calendar_object import CalendarObject, Component, read_object, zones_named
from ics.read.content_line import Property
from ics.read.zone import zone_named

_KEPT = frozenset(
    {
        "UID",
        "DTSTART",
        "DTEND",
        "DURATION",
        "RRULE",
        "RDATE",
        "EXDATE",
        "RECURRENCE-ID",
        "STATUS",
        "TRANSP",
        "X-MICROSOFT-CDO-BUSYSTATUS",
        "X-MICROSOFT-CDO-ALLDAYEVENT",
        "FREEBUSY",
    }
)
_KEPT_OF_ZONE = frozenset({"TZID", "DTSTART", "TZOFFSETFROM", "TZOFFSETTO", "RRULE", "RDATE"})
_KEPT_PARAMETERS = frozenset({"TZID", "VALUE", "RANGE", "FBTYPE"})
_SAYS_WHETHER = frozenset({"STATUS", "TRANSP", "X-MICROSOFT-CDO-BUSYSTATUS"})


def keep_for_expansion(text: str, *, addresses: frozenset[str] = frozenset()) -> str:
    """
    *text*, an iCalendar object, with nothing left but what `busy_of` needs to give the same spans again.

    Of its attendees only the owner of *addresses* (lower case, without `mailto:`) leaves a trace: an event that they
    declined becomes transparent, and one that they have not answered keeps them as its only attendee.

    Raises:
        TooLarge, Unreadable: As `read_object`.
    """
    calendar = read_object(text)
    components = (*calendar.events, *calendar.free_busy)
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", *_head(calendar)]
    for tzid, timezone in zones_named(calendar, components):
        if not _is_known(tzid):
            lines += _zone(timezone)
    for each in components:
        lines += [f"BEGIN:{each.name}", *_lines(each, addresses), f"END:{each.name}"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def _head(calendar: CalendarObject) -> Iterator[str]:
    if calendar.product:
        yield f"PRODID:{calendar.product}"
    if calendar.zone_name:
        yield f"X-WR-TIMEZONE:{calendar.zone_name}"


def _lines(component: Component, addresses: frozenset[str]) -> Iterator[str]:
    answer = answer_of(component, addresses) if addresses else None
    is_declined = answer == "DECLINED"
    for each in component.properties:
        if each.name in _KEPT and not (is_declined and each.name in _SAYS_WHETHER):
            yield _bare(each)
    if is_declined:
        yield "TRANSP:TRANSPARENT"
    if answer == "NEEDS-ACTION":
        yield f"ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:{min(addresses)}"


def _bare(line: Property) -> str:
    kept = ((name, line.parameter(name)) for name in sorted(_KEPT_PARAMETERS))
    parameters = "".join(f';{name}="{value}"' for name, value in kept if value is not None)
    return f"{line.name}{parameters}:{line.value}"


def _zone(component: Component) -> Iterator[str]:
    yield f"BEGIN:{component.name}"
    for line in component.properties:
        if line.name in _KEPT_OF_ZONE:
            yield _bare(line)
    for each in component.components:
        yield from _zone(each)
    yield f"END:{component.name}"


def _is_known(tzid: str) -> bool:
    try:
        zone_named(tzid)
    except UnknownTimezone:
        return False
    return True
