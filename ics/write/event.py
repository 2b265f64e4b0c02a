"""
Owns the VEVENT text of an event: which properties, in which order, in which zone.

Leaves the calendar around it to `calendar`, and what a scheduling message demands to `itip`.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import icalendar
from icalendar.prop import vCalAddress, vCategory, vUri

from ics.errors import Unwritable
from ics.event import Alarm, Attendee, Event, Organizer, ScheduleAgent
from ics.write.text import Text, clean_parameter, clean_text, clean_uri, mailto
from ics.write.timezone import render_timezone

TEXT_LIMITS = {"SUMMARY": 255, "LOCATION": 500, "DESCRIPTION": 4_000, "CATEGORIES": 100}
"""Most characters per text; 5,000 appointments with long notes must still make a feed that clients take."""

_UID_LIMIT = 255
"""Octets (RFC 7986, 5.3)."""

_MOST_SEQUENCE = 2**31 - 1


def render_event(event: Event, *, zone: ZoneInfo | None) -> str:
    """
    One VEVENT of *event*, folded, with CRLF line ends (RFC 5545, 3.6.1). Equal events give equal text.

    Args:
        zone: Zone in which DTSTART and DTEND are shown, as TZID; the caller adds `render_timezone` of it.
            The times are in UTC when it is `None`, and when it cannot express them: see `zone_for`.

    Raises:
        Unwritable: DTEND is not after DTSTART, the UID, SEQUENCE, URL or a mail address is not a valid one.
    """
    _check(event)
    component = icalendar.Event()
    _add_times(component, event, zone_for(event, zone))
    _add_texts(component, event)
    _add_state(component, event)
    if event.organizer:
        component["ORGANIZER"] = _organizer(event.organizer)
    if event.attendees:
        component["ATTENDEE"] = [_attendee(attendee) for attendee in event.attendees]
    for alarm in event.alarms:
        component.add_component(_alarm(alarm))
    text: bytes = component.to_ical(sorted=False)
    return text.decode()


def zone_for(event: Event, zone: ZoneInfo | None) -> ZoneInfo | None:
    """
    *zone* if both ends of *event* can be written in it without doubt, else `None`, which means UTC.

    They cannot when the zone has no yearly rule at that date, or when a clock there shows the time twice: a
    local time in an autumn hour means the first of the two by RFC 5545, 3.3.5, and not every client knows.
    """
    if zone is None or render_timezone(zone, event.start.astimezone(zone).date()) is None:
        return None
    return None if _is_twice(event.start, zone) or _is_twice(event.end, zone) else zone


def _is_twice(moment: datetime, zone: ZoneInfo) -> bool:
    local = moment.astimezone(zone)
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def _check(event: Event) -> None:
    if not event.uid or clean_text(event.uid, limit=_UID_LIMIT) != event.uid or not event.uid.isprintable():
        raise Unwritable("UID", "must be printable and not empty")
    if len(event.uid.encode()) > _UID_LIMIT:
        raise Unwritable("UID", f"has more than {_UID_LIMIT} octets")
    if event.end <= event.start:
        raise Unwritable("DTEND", "must be after DTSTART")
    if not 0 <= event.sequence <= _MOST_SEQUENCE:
        raise Unwritable("SEQUENCE", f"must be from 0 to {_MOST_SEQUENCE}")


def _add_times(component: icalendar.Event, event: Event, zone: ZoneInfo | None) -> None:
    component["UID"] = Text(event.uid)
    component.add("DTSTAMP", event.stamp)
    component.add("DTSTART", event.start.astimezone(zone) if zone else event.start)
    component.add("DTEND", event.end.astimezone(zone) if zone else event.end)


def _add_texts(component: icalendar.Event, event: Event) -> None:
    component["SUMMARY"] = _text("SUMMARY", event.summary)
    if event.description:
        component["DESCRIPTION"] = _text("DESCRIPTION", event.description)
    if event.location:
        component["LOCATION"] = _text("LOCATION", event.location)
    if event.url:
        component["URL"] = vUri(clean_uri(event.url, field="URL"))
    if event.categories:
        component["CATEGORIES"] = _categories(event.categories)


def _add_state(component: icalendar.Event, event: Event) -> None:
    component["STATUS"] = Text(event.status)
    component["TRANSP"] = Text("TRANSPARENT" if event.transparent else "OPAQUE")
    if event.klass:
        component["CLASS"] = Text(event.klass)
    component.add("SEQUENCE", event.sequence)
    if event.created:
        component.add("CREATED", event.created)
    component.add("LAST-MODIFIED", event.stamp)


def _text(name: str, text: str) -> Text:
    return Text(clean_text(text, limit=TEXT_LIMITS[name]))


def _categories(names: tuple[str, ...]) -> vCategory:
    value = vCategory([])
    value.cats = [_text("CATEGORIES", name) for name in names]  # the constructor would make plain vText of them
    return value


def _organizer(organizer: Organizer) -> vCalAddress:
    value = vCalAddress(mailto(organizer.email, field="ORGANIZER"))
    _add_parameters(value, organizer.name, organizer.schedule_agent)
    return value


def _attendee(attendee: Attendee) -> vCalAddress:
    value = vCalAddress(mailto(attendee.email, field="ATTENDEE"))
    value.params["CUTYPE"] = clean_parameter(attendee.cutype)
    value.params["ROLE"] = clean_parameter(attendee.role)
    value.params["PARTSTAT"] = clean_parameter(attendee.partstat)
    value.params["RSVP"] = "TRUE" if attendee.rsvp else "FALSE"
    _add_parameters(value, attendee.name, attendee.schedule_agent)
    return value


def _add_parameters(value: vCalAddress, name: str | None, agent: ScheduleAgent | None) -> None:
    if agent:
        value.params["SCHEDULE-AGENT"] = clean_parameter(agent)
    if name and (cn := clean_parameter(name)):
        value.params["CN"] = cn


def _alarm(alarm: Alarm) -> icalendar.Alarm:
    component = icalendar.Alarm()
    component["ACTION"] = Text("DISPLAY")
    component["DESCRIPTION"] = _text("SUMMARY", alarm.description)
    component.add("TRIGGER", alarm.trigger)
    return component
