"""
Owns booking over HTTP.

Leaves what a customer does with a booking to `places`, what staff does to `managed_appointments`.
"""

from aiohttp import web

from server.domain.appointment import Booked
from server.domain.confirmations import Confirmation
from server.domain.lifecycle import Actor
from server.usecases.confirm import book_or_ask
from server.usecases.once import Once, Replay
from server.web.access import Forbidden, Unauthenticated, Who
from server.web.answers import as_json, raw_answer, replayed
from server.web.keys import CALLER, CORE, SETTINGS
from server.web.route import body_of, keyed
from server.web.shapes.appointments import AppointmentAnswer, AppointmentOrder


async def create_appointment(request: web.Request) -> web.Response:
    """
    Books a time.

    Raises:
        Unauthenticated, Forbidden: Only staff breaks what is promised to customers.
    """
    base_url = request.app[SETTINGS].http.base_url
    # Staff books without asking itself for approval; a key that may only read is nobody's staff.
    caller = request[CALLER]
    is_staff = bool(caller.key_id) and caller.holds(Who.BOOK)
    body = body_of(request, AppointmentOrder)
    if body.override is not None and not is_staff:
        raise Forbidden(scope=Who.BOOK) if caller.key_id else Unauthenticated
    actor = Actor.PROVIDER if is_staff else Actor.CUSTOMER
    order = body.order(request.match_info["business"], actor, caller.stranger, caller.proof)
    once: Once[Booked] = Once(keyed(request), 201, lambda booked: as_json(AppointmentAnswer.of(booked, base_url)))
    asked: Once[Confirmation] = Once(once.request, 201, lambda found: as_json(AppointmentAnswer.held(found)))
    result = await book_or_ask(request.app[CORE], order, once, asked)
    if isinstance(result, Replay):
        return replayed(result)
    return raw_answer(once.body(result) if isinstance(result, Booked) else asked.body(result), status=201)
