"""
Owns the page behind the link that confirms an address: looking at it changes nothing, its button books.

Leaves booking to `usecases/confirm`.
"""

from aiohttp import web

from server.domain.confirmations import Confirmation
from server.domain.errors import BookingError, NotFound, NotOffered, SlotTaken, TermsChanged, Unavailable
from server.domain.zones import zone
from server.usecases.confirm import confirm, manage_token_of, view_confirmation
from server.web.keys import CORE, SETTINGS
from server.web.pages.brand import brand_of
from server.web.pages.html import STYLE, page_answer, render_page
from server.web.pages.language import voice_of
from server.web.pages.promised import promised


async def get_confirm(request: web.Request) -> web.Response:
    """What will be booked; where it is already, the appointment."""
    token = request.match_info["token"]
    found = await view_confirmation(request.app[CORE], token)
    if found.confirmed_at is not None:
        return _to_appointment(request, manage_token_of(request.app[CORE], found))
    return await _page(request, found)


async def post_confirm(request: web.Request) -> web.Response:
    """Books it, and goes on to the appointment."""
    core, token = request.app[CORE], request.match_info["token"]
    try:
        return _to_appointment(request, await confirm(core, token))
    except (NotFound, Unavailable):
        raise
    except (SlotTaken, NotOffered):
        problem = "This time was just taken."
    except TermsChanged:
        problem = "The price or the conditions have changed. Please look again."
    except BookingError:
        problem = "This did not work"
    return await _page(request, await view_confirmation(core, token), problem=problem, status=409)


def _to_appointment(request: web.Request, manage_token: str) -> web.Response:
    where = f"{request.app[SETTINGS].http.base_url}/manage/{manage_token}?done=booked"
    return web.Response(status=303, headers={"Location": where, "Cache-Control": "no-store"})


async def _page(request: web.Request, found: Confirmation, *, problem: str = "", status: int = 200) -> web.Response:
    voice = voice_of(request).at(zone(found.location_zone))
    brand = await brand_of(request, found.business)
    html = render_page(
        "confirm.html",
        STYLE,
        voice,
        brand=brand,
        found=found,
        business_name=found.business_name,
        problem=problem,
        **promised(voice, found),
    )
    return page_answer(html, STYLE, status=status, forms=True, private=True, brand=brand)


async def asked_page(request: web.Request, found: Confirmation) -> web.Response:
    """What somebody without JavaScript sees after the form: where to look, and until when."""
    voice = voice_of(request).at(zone(found.location_zone))
    brand = await brand_of(request, found.business)
    html = render_page("asked.html", STYLE, voice, brand=brand, found=found)
    return page_answer(html, STYLE, private=True, brand=brand)
