"""
Owns the page behind the links of the waitlist: what is offered, one button that books it, and one that leaves.

Leaves booking to `usecases/waitlist`.
"""

from aiohttp import web

from server.domain.appointment import Booked
from server.domain.confirmations import Confirmation
from server.domain.errors import BookingError, NotFound, SlotTaken, Unavailable
from server.domain.zones import zone
from server.usecases.once import Once
from server.usecases.waitlist import Waiting, leave, take_offer, view
from server.web.bodies import read_form
from server.web.keys import CALLER, CORE, SETTINGS
from server.web.pages.brand import brand_of
from server.web.pages.confirm import asked_page
from server.web.pages.html import STYLE, page_answer, render_page
from server.web.pages.language import voice_of
from server.web.pages.promised import promised


async def get_waitlist_page(request: web.Request) -> web.Response:
    """Changes nothing: whoever looks at all links of a mail takes no time."""
    return await _page(request, await view(request.app[CORE], request.match_info["token"]))


async def post_waitlist_page(request: web.Request) -> web.Response:
    """Books the time that is offered, or leaves the waitlist."""
    token = request.match_info["token"]
    form = await read_form(request)
    once: Once[Booked] = Once(None, 201, lambda _: b"")
    try:
        if form.get("leave"):
            await leave(request.app[CORE], token)
        else:
            asked: Once[Confirmation] = Once(None, 201, lambda _: b"")
            stranger = request[CALLER].stranger
            result = await take_offer(request.app[CORE], token, once, asked=asked, asked_from=stranger)
            if isinstance(result, Confirmation):
                return await asked_page(request, result)
    except Unavailable:
        raise
    except SlotTaken:
        return await _page(request, await view(request.app[CORE], token), problem="This time was just taken.")
    except NotFound:
        await view(request.app[CORE], token)  # over already, or done: the page says which
    except BookingError:
        return await _page(request, await view(request.app[CORE], token), problem="This did not work")
    return web.Response(status=303, headers={"Location": f"{request.app[SETTINGS].http.base_url}/waitlist/{token}"})


async def _page(request: web.Request, waiting: Waiting, *, problem: str = "") -> web.Response:
    entry = waiting.entry
    offer, own = waiting.offer, voice_of(request).at(zone(entry.timezone))
    voice = own.at(zone(offer.location_zone)) if offer is not None else own
    brand = await brand_of(request, entry.business)
    html = render_page(
        "waitlist.html",
        STYLE,
        voice,
        brand=brand,
        entry=entry,
        business_name=entry.business_name,
        problem=problem,
        offer=offer,
        # The place's clocks come first, and whoever reads by others sees theirs, too.
        own=own if offer is not None and own.offset(offer.start) != voice.offset(offer.start) else None,
        **(promised(voice, offer) if offer is not None else {}),
    )
    return page_answer(html, STYLE, forms=True, private=True, brand=brand)
