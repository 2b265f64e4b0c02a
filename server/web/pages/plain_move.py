"""
Owns moving an appointment on its page without JavaScript: times as links, and one button that moves it.

Leaves the page to `manage`, and moving to the use-case.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from server.domain.appointment import Appointment
from server.domain.errors import NotFound
from server.domain.zones import date_in, zone
from server.usecases.find_slots import find_slots_to_move
from server.usecases.once import Once
from server.usecases.places import Target
from server.usecases.reschedule import reschedule
from server.web.keys import CORE
from server.web.pages.book import by_day
from server.web.shapes.book import ManageQuery

_DAYS = 7


async def times_to_move(request: web.Request, target: Target, asked: ManageQuery) -> Mapping[str, Any]:
    """What the page shows of the times that *target* could move to; nothing where it is not offered any more."""
    appointment = target.appointment
    where = zone(appointment.timezone)
    today = date_in(where, datetime.now(UTC))
    wanted = date_in(where, asked.start) if asked.start else asked.day
    first = max(wanted or date_in(where, appointment.start), today)
    try:
        found = await find_slots_to_move(
            request.app[CORE], target, first=first, last=first + timedelta(days=_DAYS - 1), where=where
        )
    except NotFound:
        return {"days": [], "start": None, "later": None}
    free = {start for start, _, _ in found.slots}
    return {
        "days": sorted(by_day(found).items()),
        "start": asked.start.astimezone(where) if asked.start and asked.start.timestamp() in free else None,
        "later": first + timedelta(days=_DAYS),
    }


async def move_to(request: web.Request, target: Target, start: datetime) -> None:
    """
    Moves *target* to *start*.

    Raises:
        BookingError: As `reschedule`.
    """
    once: Once[Appointment] = Once(None, 200, lambda _: b"")
    await reschedule(request.app[CORE], target, start, once)
