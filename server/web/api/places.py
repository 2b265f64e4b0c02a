"""
Owns what a customer does with a booking, over HTTP: see it, cancel it, move it, have it as a calendar file.

Leaves doing it to the use-cases.
"""

from aiohttp import hdrs, web

from server.calendars.document import place_file
from server.domain.appointment import Appointment
from server.domain.zones import zone
from server.usecases.cancel import Cancelled, cancel
from server.usecases.find_slots import find_slots_to_move
from server.usecases.once import Once, Replay
from server.usecases.places import View, target_of_token, view
from server.usecases.reschedule import reschedule
from server.web.answers import PRIVATE, as_json, json_answer, raw_answer, replayed
from server.web.keys import CORE, SETTINGS
from server.web.route import body_of, keyed, query_of
from server.web.shapes.appointments import (
    CancelAnswer,
    CancelOrder,
    MoveAnswer,
    OwnMoveOrder,
    PlaceAnswer,
    PolicyShape,
    place_answer,
)
from server.web.shapes.availability import MoveQuery, render_availability
from server.web.shapes.terms import terms_shown


async def get_place(request: web.Request) -> web.Response:
    """The appointment as its customer sees it."""
    return json_answer(_place_answer(await view(request.app[CORE], request.match_info["manage_token"])))


async def get_move_availability(request: web.Request) -> web.Response:
    """The times that it could be moved to. About one appointment, so nobody keeps it, and no cache answers."""
    core, asked = request.app[CORE], query_of(request, MoveQuery)
    found = await find_slots_to_move(
        core,
        await target_of_token(core, request.match_info["manage_token"]),
        provider=asked.provider,
        first=asked.first,
        last=asked.last,
        where=zone(asked.tz) if asked.tz else None,
    )
    return raw_answer(render_availability(found, None))


async def cancel_place(request: web.Request) -> web.Response:
    """Cancels it, by policy."""
    core = request.app[CORE]
    order = body_of(request, CancelOrder)
    once: Once[Cancelled] = Once(keyed(request), 200, lambda done: as_json(CancelAnswer.of(done)))
    target = await target_of_token(core, request.match_info["manage_token"])
    result = await cancel(core, target, once, reason=order.reason, accepts_fee=order.accept_fee)
    return replayed(result) if isinstance(result, Replay) else json_answer(CancelAnswer.of(result))


async def reschedule_place(request: web.Request) -> web.Response:
    """Moves it, by policy."""
    core = request.app[CORE]
    order = body_of(request, OwnMoveOrder)
    once: Once[Appointment] = Once(keyed(request), 200, lambda moved: as_json(MoveAnswer.of(moved)))
    target = await target_of_token(core, request.match_info["manage_token"])
    terms = terms_shown(order.terms)
    result = await reschedule(core, target, order.start, once, provider=order.provider, terms=terms)
    return replayed(result) if isinstance(result, Replay) else json_answer(MoveAnswer.of(result))


async def get_invite(request: web.Request) -> web.Response:
    """The appointment as an .ics file."""
    token = request.match_info["manage_token"]
    seen = await view(request.app[CORE], token)
    return web.Response(
        body=place_file(seen.place, manage_url=f"{request.app[SETTINGS].http.base_url}/manage/{token}"),
        headers={
            **PRIVATE,
            hdrs.CONTENT_TYPE: "text/calendar; charset=utf-8; method=PUBLISH",
            hdrs.CONTENT_DISPOSITION: 'attachment; filename="appointment.ics"',
        },
    )


def _place_answer(seen: View) -> PlaceAnswer:
    appointment, terms = seen.place.appointment, seen.place.attendee.terms
    return place_answer(
        seen.place,
        PolicyShape(
            free_until=terms.closes_at(appointment.start),
            can_cancel=seen.can_cancel,
            can_reschedule=seen.can_reschedule,
            unmovable=seen.unmovable,
            asks_again=seen.asks_again,
            late_fee_minor=seen.late_fee_minor,
            currency=terms.currency,
        ),
    )
