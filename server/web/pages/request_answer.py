"""
Owns the page on which a provider answers a request from their mail: what is asked for, and two buttons.

Leaves answering to `usecases/answer_request`. Opening the page changes nothing: mail programs look at links by
themselves.
"""

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from server.domain.errors import IllegalTransition
from server.domain.zones import zone
from server.usecases.answer_request import answer_request, view_request
from server.web.bodies import read_form
from server.web.keys import CORE, SETTINGS
from server.web.pages.brand import brand_of
from server.web.pages.html import STYLE, page_answer, render_page
from server.web.pages.language import voice_of
from server.web.pages.promised import say_cost
from server.web.shapes.base import Line

_LINE: TypeAdapter[str] = TypeAdapter(Line)
_TOO_LONG = "This is too long for one line."


async def get_request_page(request: web.Request) -> web.Response:
    """What is asked for, or what became of it."""
    return await _page(request)


async def post_request_page(request: web.Request) -> web.Response:
    """Approves or declines it."""
    token = request.match_info["token"]
    form = await read_form(request)
    try:
        reason = _LINE.validate_python(form.get("reason", ""))
    except ValidationError:
        return await _page(request, problem=_TOO_LONG, typed=form.get("reason", ""), status=422)
    try:
        if form.get("answer") in {"approve", "decline"}:
            await answer_request(request.app[CORE], token, approve=form["answer"] == "approve", reason=reason)
    except IllegalTransition:
        return await _page(request, status=409)  # answered at this moment: the page says how
    return web.Response(status=303, headers={"Location": f"{request.app[SETTINGS].http.base_url}/requests/{token}"})


async def _page(request: web.Request, *, problem: str = "", typed: str = "", status: int = 200) -> web.Response:
    seen = await view_request(request.app[CORE], request.match_info["token"])
    voice = voice_of(request).at(zone(seen.appointment.timezone))
    appointment = seen.appointment
    brand = await brand_of(request, appointment.business)
    html = render_page(
        "request_answer.html",
        STYLE,
        voice,
        brand=brand,
        seen=seen,
        appointment=appointment,
        cost=say_cost(voice, seen.attendee.terms, appointment.start, appointment.end),
        problem=problem,
        typed=typed,
    )
    return page_answer(html, STYLE, status=status, forms=True, private=True, brand=brand)
