"""
Owns what an appointment is as an iCalendar event.

Leaves RFC 5545 to `ics`.
"""

from zoneinfo import ZoneInfo

from ics.event import Event, Organizer
from ics.event import Status as EventStatus
from ics.itip.publish import build_publish
from server.domain.appointment import Place
from server.domain.lifecycle import Status

PRODID = "-//Bookable//Bookable 0.1//EN"

_STATUS = {
    Status.PENDING: EventStatus.TENTATIVE,
    Status.HELD: EventStatus.TENTATIVE,
    Status.CANCELLED: EventStatus.CANCELLED,
    Status.DECLINED: EventStatus.CANCELLED,
}


def place_file(place: Place, *, manage_url: str) -> bytes:
    """A customer's appointment as a file for their calendar, in the location's zone."""
    return build_publish(_event(place, manage_url), zone=ZoneInfo(place.appointment.timezone), prodid=PRODID)


def _event(place: Place, manage_url: str) -> Event:
    a = place.appointment
    status = EventStatus.CANCELLED if place.attendee.cancelled_at else _STATUS.get(a.status, EventStatus.CONFIRMED)
    return Event(
        uid=str(a.uid),
        start=a.start,
        end=a.end,
        stamp=place.changed_at,
        created=place.created_at,
        summary=f"{a.service_name}, {a.business_name}",
        description=f"{a.service_name} with {a.provider_name}.\nChange or cancel: {manage_url}",
        location=", ".join(part for part in (a.location_name, place.address) if part),
        url=manage_url,
        status=status,
        sequence=a.sequence,
        # RFC 5546 wants an organizer; a business without an address gets one that nobody can have (RFC 2606).
        organizer=Organizer(place.business_email or f"{a.business}@bookings.invalid", a.business_name),
        transparent=status is EventStatus.CANCELLED,
    )
