"""
Owns the shape of an appointment as the business sees it.

Leaves the customer's view to `appointments`.
"""

from datetime import datetime
from typing import Literal

from server.domain.appointment import Appointment, Attendee
from server.domain.lifecycle import Status
from server.web.shapes.appointments import Answers
from server.web.shapes.base import Shape, Slug, Zone
from server.web.shapes.terms import TermsShape


class ManagedAppointment(Shape):
    """An appointment as the business sees it."""

    id: str
    status: Status
    start: datetime
    end: datetime
    timezone: Zone
    sequence: int
    version: int
    service: Slug
    provider: Slug
    location: Slug
    capacity: int
    seats_taken: int
    attendees: list["AttendeeShape"]


class AttendeeShape(Shape):
    """A customer in an appointment."""

    name: str
    email: str
    phone: str
    timezone: str
    locale: str
    partstat: Literal["NEEDS-ACTION", "ACCEPTED", "DECLINED", "TENTATIVE"]
    answers: Answers
    cancelled_at: datetime | None
    fee_minor: int
    terms: TermsShape
    """What was promised to them; in a class each has their own."""
    network: str | None
    """Where it was booked from, by somebody without an API key: an IPv4 address or an IPv6 /64; kept for 30 days."""
    confirmed_at: datetime | None
    """When somebody followed the link in a mail to this address; until then, anybody may have typed it."""

    @classmethod
    def of(cls, attendee: Attendee) -> "AttendeeShape":
        """From the value, without the token's salt."""
        return cls(
            name=attendee.name,
            email=attendee.email,
            phone=attendee.phone,
            timezone=attendee.timezone,
            locale=attendee.locale,
            partstat=attendee.partstat,
            answers=dict(attendee.answers),
            cancelled_at=attendee.cancelled_at,
            fee_minor=attendee.fee_minor,
            terms=TermsShape.of(attendee.terms),
            network=attendee.network,
            confirmed_at=attendee.proved_at,
        )


def managed(appointment: Appointment, attendees: list[Attendee]) -> ManagedAppointment:
    """An appointment and its attendees, for the business."""
    a = appointment
    return ManagedAppointment(
        id=str(a.uid),
        status=a.status,
        start=a.start,
        end=a.end,
        timezone=a.timezone,
        sequence=a.sequence,
        version=a.version,
        service=a.service,
        provider=a.provider,
        location=a.location,
        capacity=a.capacity,
        seats_taken=a.seats_taken,
        attendees=[AttendeeShape.of(attendee) for attendee in attendees],
    )
