"""
Owns what every scheduling document about one appointment shares: one VEVENT, and its time zone if it names
one.

Leaves which properties a method demands to the module of that method.
"""

from dataclasses import replace
from zoneinfo import ZoneInfo

from ics.errors import Unsendable
from ics.event import Attendee, Event, Method, Organizer
from ics.write.calendar import assemble
from ics.write.event import render_event, zone_for
from ics.write.timezone import render_timezone


def build_document(event: Event, *, method: Method, zone: ZoneInfo | None, prodid: str) -> bytes:
    """
    The document of *event* alone: with TZID and one VTIMEZONE in *zone*, or in UTC where *zone* cannot serve.

    Raises:
        Unwritable: *event* has a value that no document could carry.
    """
    zones = {}
    shown_in = zone_for(event, zone)
    if shown_in is not None:
        zones[shown_in.key] = render_timezone(shown_in, event.start.astimezone(shown_in).date()) or ""
    return assemble([render_event(event, zone=shown_in)], method=method, prodid=prodid, zones=zones)


def with_attendee(event: Event, attendee: Attendee | None, method: Method) -> Event:
    """
    *event* with *attendee* as its only one, or with the only one it has: nobody sees another customer's
    address.

    Raises:
        Unsendable: There is no organizer, nobody or several to choose from, or both have one address.
    """
    chosen = (attendee,) if attendee else event.attendees
    organizer = require_organizer(event, method)
    if len(chosen) != 1:
        raise Unsendable(method, f"needs exactly one attendee, not {len(chosen)}")
    if chosen[0].email.casefold() == organizer.email.casefold():
        raise Unsendable(method, "the attendee and the organizer have the same address")
    return replace(event, attendees=chosen)


def require_organizer(event: Event, method: Method) -> Organizer:
    """
    The organizer of *event* (RFC 5546, 3.2: exactly one in every method used here).

    Raises:
        Unsendable: It has none.
    """
    if event.organizer is None:
        raise Unsendable(method, "needs an organizer")
    return event.organizer
