"""
Owns cancelling a burst of bookings over HTTP.

Leaves doing it to `usecases/cancel_burst`.
"""

from aiohttp import web

from server.store.bursts import Found
from server.usecases.cancel_burst import Ended, cancel_burst
from server.web.access import Who
from server.web.answers import json_answer
from server.web.api.managed import editor_of
from server.web.keys import CORE
from server.web.route import Route, body_of
from server.web.shapes.blocks import BurstAnswer, BurstBooking, BurstOrder
from server.web.shapes.drafts import write_cursor


async def post_cancel_burst(request: web.Request) -> web.Response:
    """Cancels what one source has booked, or says what that would be."""
    order = body_of(request, BurstOrder)
    ended = await cancel_burst(
        request.app[CORE],
        editor_of(request),
        order.burst(),
        dry_run=order.dry_run,
        tells=order.tell,
        reason=order.reason,
        after=order.cursor[1] if order.cursor else None,
        limit=order.limit,
    )
    return json_answer(
        BurstAnswer(
            dry_run=order.dry_run,
            items=[_item(found, ended) for found in ended.found],
            let_go=ended.let_go,
            next_cursor=write_cursor(ended.following) if ended.following is not None else None,
        )
    )


def _item(found: Found, ended: Ended) -> BurstBooking:
    appointment, attendee = found.place.appointment, found.place.attendee
    return BurstBooking(
        id=str(appointment.uid),
        start=appointment.start,
        service=appointment.service,
        provider=appointment.provider,
        name=attendee.name,
        email=attendee.email,
        phone=attendee.phone,
        network=attendee.network,
        booked_at=found.booked_at,
        status=appointment.status,
        cancelled=attendee.id in ended.cancelled,
    )


def burst_routes(base: str) -> list[Route]:
    """The one route."""
    return [
        Route("POST", f"{base}/appointments/cancel-burst", Who.MANAGE, post_cancel_burst, "Appointments",
              "Cancel what one source has booked", body=BurstOrder, answers={200: BurstAnswer}),
    ]  # fmt: skip
