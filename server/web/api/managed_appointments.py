"""
Owns showing appointments to staff.

Leaves deciding about them to `decisions`.
"""

from datetime import UTC, datetime
from uuid import UUID

from aiohttp import hdrs, web

from server.domain.errors import NotFound
from server.store.appointment_list import AppointmentFilter
from server.usecases.appointment_list import page_of_appointments
from server.usecases.places import show
from server.web.access import Who
from server.web.answers import json_answer
from server.web.keys import CALLER, CORE
from server.web.preconditions import etag_of
from server.web.route import Route, query_of
from server.web.shapes.drafts import page_shape, write_cursor
from server.web.shapes.managed_appointments import ManagedAppointment, managed
from server.web.shapes.people import AppointmentsQuery

_MICRO = 1_000_000
AppointmentPage = page_shape(ManagedAppointment)


async def get_appointment(request: web.Request) -> web.Response:
    """One appointment and who attends it."""
    try:
        uid = UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(what="appointment") from None
    appointment, attendees = await show(request.app[CORE], request[CALLER].business_id, uid)
    return json_answer(managed(appointment, attendees), headers={hdrs.ETAG: etag_of(appointment.version)})


async def get_appointments(request: web.Request) -> web.Response:
    """Appointments by start."""
    asked = query_of(request, AppointmentsQuery)
    after = (_moment(asked.cursor[0]), asked.cursor[1]) if asked.cursor else None
    page, following = await page_of_appointments(
        request.app[CORE],
        request[CALLER].business_id,
        AppointmentFilter(**asked.filters()),
        after=after,
        limit=asked.limit,
    )
    items = [managed(appointment, attendees) for appointment, attendees in page]
    cursor = write_cursor(following[1], _micros(following[0])) if following else None
    return json_answer(AppointmentPage.model_validate({"items": items, "next_cursor": cursor}))


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * _MICRO + moment.microsecond


def _moment(micros: int) -> datetime:
    seconds, rest = divmod(micros, _MICRO)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def appointment_routes(base: str) -> list[Route]:
    """The list, and one of it."""
    return [
        Route("GET", f"{base}/appointments", Who.READ, get_appointments, "Appointments", "List appointments by start",
              query=AppointmentsQuery, answers={200: AppointmentPage}),
        Route("GET", f"{base}/appointments/{{id}}", Who.READ, get_appointment, "Appointments", "Read an appointment",
              answers={200: ManagedAppointment}),
    ]  # fmt: skip
