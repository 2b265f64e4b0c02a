"""
Owns the waitlist over HTTP: joining, looking, taking what is offered, leaving.

Leaves the page that mails link to to `pages/waitlist`.
"""

from aiohttp import web

from server.domain.appointment import Booked
from server.domain.confirmations import Confirmation
from server.usecases.once import Once, Replay
from server.usecases.waitlist import Joined, join, leave, page_of_entries, take_offer, view
from server.web.access import Who
from server.web.answers import as_json, json_answer, raw_answer, replayed
from server.web.api.listing import listed
from server.web.keys import CALLER, CORE, SETTINGS
from server.web.route import Route, body_of, keyed
from server.web.shapes.appointments import AppointmentAnswer
from server.web.shapes.drafts import PageQuery
from server.web.shapes.waitlist import (
    NewWaitlistPlace,
    WaitlistOrder,
    WaitlistPage,
    WaitlistPlace,
    item_of,
    new_place,
    place_of,
)


async def post_waitlist(request: web.Request) -> web.Response:
    """Joins the waitlist."""
    order = body_of(request, WaitlistOrder)
    base_url = request.app[SETTINGS].http.base_url
    once: Once[Joined] = Once(keyed(request), 201, lambda joined: as_json(new_place(joined, base_url)))
    result = await join(
        request.app[CORE],
        request.match_info["business"],
        order.service,
        wish=order.wish(),
        customer=order.details(),
        once=once,
        asked_from=request[CALLER].stranger,
        proof=request[CALLER].proof,
        days_in=order.days_in(),
    )
    return replayed(result) if isinstance(result, Replay) else raw_answer(once.body(result), status=201)


async def get_waitlist(request: web.Request) -> web.Response:
    """Who waits, and who waited."""
    return await listed(request, page_of_entries, WaitlistPage, item_of)


async def get_waitlist_place(request: web.Request) -> web.Response:
    """One's own place, and what is offered with it."""
    return json_answer(place_of(await view(request.app[CORE], request.match_info["token"])))


async def post_waitlist_take(request: web.Request) -> web.Response:
    """Books what is offered."""
    base_url = request.app[SETTINGS].http.base_url
    once: Once[Booked] = Once(keyed(request), 201, lambda booked: as_json(AppointmentAnswer.of(booked, base_url)))
    token, stranger = request.match_info["token"], request[CALLER].stranger
    asked: Once[Confirmation] = Once(once.request, 201, lambda found: as_json(AppointmentAnswer.held(found)))
    result = await take_offer(request.app[CORE], token, once, asked=asked, asked_from=stranger)
    if isinstance(result, Replay):
        return replayed(result)
    return raw_answer(once.body(result) if isinstance(result, Booked) else asked.body(result), status=201)


async def delete_waitlist_place(request: web.Request) -> web.Response:
    """Leaves the waitlist."""
    await leave(request.app[CORE], request.match_info["token"])
    return web.Response(status=204)


def waitlist_routes(base: str) -> list[Route]:
    """Join, look, take, leave."""
    place = "/v1/waitlist/{token}"
    return [
        Route("POST", f"{base}/waitlist", Who.PUBLIC, post_waitlist, "Waitlist", "Wait for a time to become free",
              body=WaitlistOrder, answers={201: NewWaitlistPlace}, idempotent=True, guarded=True),
        Route("GET", f"{base}/waitlist", Who.READ, get_waitlist, "Waitlist", "Who waits",
              query=PageQuery, answers={200: WaitlistPage}),
        Route("GET", place, Who.TOKEN, get_waitlist_place, "Waitlist", "The customer's view of their place",
              answers={200: WaitlistPlace}),
        Route("POST", f"{place}/take", Who.TOKEN, post_waitlist_take, "Waitlist", "Book the time that is offered",
              answers={201: AppointmentAnswer}, idempotent=True),
        Route("DELETE", place, Who.TOKEN, delete_waitlist_place, "Waitlist", "Leave the waitlist",
              answers={204: None}),
    ]  # fmt: skip
