"""
Owns the page behind the link that confirms an address: looking at it changes nothing, its button books.

Leaves booking to `usecases/confirm`.
"""

from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web
from pydantic import ValidationError

from server.domain.confirmations import Confirmation
from server.domain.errors import (
    Blocked,
    BookingError,
    LimitReached,
    NotFound,
    NotOffered,
    PaymentRequired,
    SlotTaken,
    TermsChanged,
    Unavailable,
)
from server.domain.terms import Terms
from server.domain.zones import zone
from server.usecases.confirm import confirm, manage_token_of, view_confirmation
from server.web.bodies import read_form
from server.web.keys import CORE, SETTINGS
from server.web.pages.brand import brand_of
from server.web.pages.html import STYLE, page_answer, render_page
from server.web.pages.language import voice_of
from server.web.pages.promised import promised
from server.web.shapes.terms import ShownTerms, TermsShape, terms_shown

_CHANGED = "The price or the conditions have changed. Please look again."

_REFUSED: Mapping[type[BookingError], str] = {
    SlotTaken: "This time was just taken.",
    NotOffered: "This time is not offered any more.",
    NotFound: "This is not offered any more.",
    PaymentRequired: "This is paid beforehand now. Please book it on the booking page.",
    LimitReached: "You cannot book any more of these.",
    Blocked: "This cannot be booked online. Please contact us.",
}
"""What another press of the button would not change."""


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
    agreed = _agreed(await read_form(request))
    try:
        return _to_appointment(request, await confirm(core, token, terms=agreed))
    except Unavailable:
        raise
    except TermsChanged as error:
        found = await view_confirmation(core, token)
        return await _page(request, found, problem=_CHANGED, terms=error.terms, status=409)
    except BookingError as error:
        found = await view_confirmation(core, token)
        problem = _REFUSED.get(type(error), "This did not work")
        return await _page(request, found, problem=problem, is_over=type(error) in _REFUSED, status=409)


def _agreed(typed: Mapping[str, str]) -> Terms | None:
    """What the button carries: terms that took the place of those in the mail; None where there are none."""
    shown = {name: typed[f"t-{name}"] for name in ShownTerms.model_fields if typed.get(f"t-{name}")}
    try:
        return terms_shown(ShownTerms.model_validate(shown)) if shown else None
    except ValidationError:
        return None


def _to_appointment(request: web.Request, manage_token: str) -> web.Response:
    where = f"{request.app[SETTINGS].http.base_url}/manage/{manage_token}?done=booked"
    return web.Response(status=303, headers={"Location": where, "Cache-Control": "no-store"})


async def _page(
    request: web.Request,
    found: Confirmation,
    *,
    problem: str = "",
    is_over: bool = False,
    terms: Terms | None = None,
    status: int = 200,
) -> web.Response:
    """
    The page of *found*.

    Args:
        is_over: Its button would do nothing.
        terms: What would bind now, if that is not what the mail said.
    """
    shown = replace(found, terms=terms) if terms is not None else found
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
        is_over=is_over,
        carried=TermsShape.of(terms).model_dump(mode="json") if terms is not None else {},
        **promised(voice, shown),
    )
    return page_answer(html, STYLE, status=status, forms=True, private=True, brand=brand)


async def asked_page(request: web.Request, found: Confirmation) -> web.Response:
    """What somebody without JavaScript sees after the form: where to look, and until when."""
    voice = voice_of(request).at(zone(found.location_zone))
    brand = await brand_of(request, found.business)
    html = render_page("asked.html", STYLE, voice, brand=brand, found=found)
    return page_answer(html, STYLE, private=True, brand=brand)
