"""
Owns listing appointments for staff, with who attends them.

Leaves showing a single one to `places`.
"""

from datetime import datetime

from server.domain.appointment import Appointment, Attendee
from server.store.appointment_list import AppointmentFilter, list_appointments
from server.store.appointments import attendees_of
from server.store.catalogue import BOOKED
from server.store.collection import check_references
from server.usecases.core import Core

Cursor = tuple[datetime, int]


async def page_of_appointments(
    core: Core, business_id: int, wanted: AppointmentFilter, *, after: Cursor | None, limit: int
) -> tuple[list[tuple[Appointment, list[Attendee]]], Cursor | None]:
    """
    Up to *limit* appointments by start, and where the next page begins; None on the last one. Two queries.

    Raises:
        UnknownReference: A filter names what the business does not have; an empty list would hide the slip.
    """
    async with core.database.reading() as session:
        found = await list_appointments(session, business_id, wanted, after=after, limit=limit + 1)
        if not found:
            await check_references(session, BOOKED, business_id, wanted.references())
        page = found[:limit]
        attendees = await attendees_of(session, business_id, [appointment.id for appointment in page])
    following = (page[-1].start, page[-1].id) if len(found) > limit else None
    return [(appointment, attendees[appointment.id]) for appointment in page], following
