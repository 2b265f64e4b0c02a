"""
Owns the page behind the link of a waitlist offer: what is offered, and one button that books it.

Leaves booking to `usecases/waitlist`.
"""

from aiohttp import web

from server.domain.appointment import Booked
from server.domain.errors import BookingError, NotFound, Unavailable
from server.domain.zones import zone
from server.usecases.once import Once
from server.usecases.waitlist import Waiting, take_offer, view
from server.web.keys import CORE, SETTINGS
from server.web.pages.html import page_answer, render_page

_STYLE = "tokens.css pages.css"


async def get_waitlist_page(request: web.Request) -> web.Response:
    """Changes nothing: whoever looks at all links of a mail takes no time."""
    return _page(await view(request.app[CORE], request.match_info["token"]))


async def post_waitlist_page(request: web.Request) -> web.Response:
    """Books the time that is offered."""
    token = request.match_info["token"]
    once: Once[Booked] = Once(None, 201, lambda _: b"")
    try:
        booked = await take_offer(request.app[CORE], token, once)
    except (NotFound, Unavailable):
        raise
    except BookingError as error:
        return _page(await view(request.app[CORE], token), problem=str(error))
    assert isinstance(booked, Booked), "there is no key to repeat"
    return web.Response(status=303, headers={"Location": f"{request.app[SETTINGS].http.base_url}/waitlist/{token}"})


def _page(waiting: Waiting, *, problem: str = "") -> web.Response:
    entry = waiting.entry
    where = zone(entry.timezone)
    html = render_page(
        "waitlist.html",
        _STYLE,
        entry=entry,
        problem=problem,
        offered=waiting.hold is not None,
        start=entry.offered_start.astimezone(where) if entry.offered_start else None,
        until=entry.offer_expires_at.astimezone(where) if entry.offer_expires_at else None,
    )
    return page_answer(html, _STYLE, forms=True, private=True)
