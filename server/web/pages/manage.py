"""
Owns the page on which a customer changes an appointment. The token in its link is exchanged for a short session, so
that it stands in no history, no log and no referrer; opening a link changes nothing.

Leaves moving and cancelling to the use-cases.
"""

import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from server.domain.errors import BookingError, NotFound, NotOffered, PolicyClosed, SlotTaken, Unavailable
from server.domain.lifecycle import CHANGEABLE, Status
from server.domain.zones import zone
from server.store.profile import load_profile
from server.tokens import Purpose
from server.usecases.cancel import Cancelled, cancel
from server.usecases.once import Once
from server.usecases.places import target_of_token, view
from server.usecases.prove_address import prove_attendee
from server.voice_terms import say_terms
from server.web.bodies import read_form
from server.web.keys import CORE, SETTINGS
from server.web.pages.brand import brand_rule
from server.web.pages.html import STYLE, page_answer, render_page
from server.web.pages.language import voice_of
from server.web.pages.plain_move import move_to, times_to_move
from server.web.pages.promised import say_cost
from server.web.route import query_of
from server.web.shapes.appointments import calendar_links, invitation_at
from server.web.shapes.book import ManageLinkQuery, ManageQuery
from server.web.widget import build

_COOKIE = "bookable_place"
_SESSION_S = 1800
_DONE: Mapping[str, str] = {"booked": "You are booked", "moved": "Your appointment is moved"}
"""Said to whoever comes from a form that worked."""
HEADINGS: Mapping[str, str] = {
    Status.PENDING: "Your request is sent",
    Status.DECLINED: "Your request could not be confirmed",
    Status.EXPIRED: "Your request was not answered in time",
    Status.CANCELLED: "Your appointment is cancelled",
}


async def get_manage_link(request: web.Request) -> web.Response:
    """
    Goes on to the page without the token. A session is bound to its appointment: two links are two sessions.

    Raises:
        NotFound: There is no such token.
    """
    token = request.match_info["manage_token"]
    seen = await view(request.app[CORE], token)
    if request.method == "GET" and (proof := request.query.get("proof")):
        await prove_attendee(request.app[CORE], token, proof)
    where = f"/manage/at/{seen.place.appointment.uid}"
    base_url = request.app[SETTINGS].http.base_url
    done = query_of(request, ManageLinkQuery).done
    location = f"{base_url}{where}?done={done}" if done else f"{base_url}{where}"
    answer = web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})
    session = f"{int(time.time()) + _SESSION_S} {where} {token}"
    sealed = request.app[CORE].vault.seal(session.encode(), Purpose.MANAGE_SESSION)
    answer.set_cookie(
        _COOKIE,
        sealed.decode(),
        path=where,
        max_age=_SESSION_S,
        httponly=True,
        secure=base_url.startswith("https:"),
        samesite="Lax",  # Strict would not arrive after a click in a mail
    )
    return answer


async def get_manage(request: web.Request) -> web.Response:
    """The appointment."""
    token = _token(request)
    if token is None:
        return _over(request)
    return await _page(request, token)


async def post_manage(request: web.Request) -> web.Response:
    """
    Moves to the time in its address, or cancels, for whoever has no JavaScript. Or ends the session, for whoever sits
    at somebody else's computer.
    """
    token = _token(request)
    if token is None:
        return _over(request)
    core = request.app[CORE]
    form = await read_form(request)
    if form.get("leave"):
        answer = _over(request, left=True)
        answer.del_cookie(_COOKIE, path=request.path)
        return answer
    done = ""
    try:
        target = await target_of_token(core, token)
        start = query_of(request, ManageQuery).start
        if start is not None:
            await move_to(request, target, start)
            done = "?done=moved"
        else:
            once: Once[Cancelled] = Once(None, 200, lambda _: b"")
            await cancel(core, target, once, accepts_fee=form.get("accept_fee") == "yes")
    except (NotFound, Unavailable):
        raise
    except (SlotTaken, NotOffered):
        return await _page(request, token, problem="This time was just taken.", status=409)
    except PolicyClosed as error:
        # Where a fee opens it again, the page asks for that instead.
        problem = "" if error.fee_minor else "Too late to change this online."
        return await _page(request, token, problem=problem, status=409)
    except BookingError:
        return await _page(request, token, problem="This did not work", status=409)
    return web.Response(status=303, headers={"Location": f"{request.app[SETTINGS].http.base_url}{request.path}{done}"})


def _token(request: web.Request) -> str | None:
    """The token behind this page's session; None where there is none, or it is over."""
    plain = request.app[CORE].vault.unseal(request.cookies.get(_COOKIE, ""), Purpose.MANAGE_SESSION)
    until, where, token = plain.decode().split(" ") if plain else ("0", "", "")
    return token if int(until) > time.time() and where == request.path else None


def _over(request: web.Request, *, left: bool = False) -> web.Response:
    html = render_page("manage_over.html", STYLE, voice_of(request), left=left)
    return page_answer(html, STYLE, status=200 if left else 403, private=True)


async def _page(request: web.Request, token: str, *, problem: str = "", status: int = 200) -> web.Response:
    core, base_url = request.app[CORE], request.app[SETTINGS].http.base_url
    seen = await view(core, token)
    appointment, attendee = seen.place.appointment, seen.place.attendee
    alive = seen.place.status in CHANGEABLE
    async with core.database.reading() as session:
        business = await load_profile(session, appointment.business)
    voice = voice_of(request).at(zone(appointment.timezone))
    brand = brand_rule(business["theme"].get("accent"))
    asked = query_of(request, ManageQuery)
    moving = seen.can_reschedule and (asked.day or asked.start) is not None
    times: Mapping[str, Any] = {"days": [], "start": None, "later": None}
    if moving:
        times = await times_to_move(request, await target_of_token(core, token), asked)
    html = render_page(
        "manage.html",
        STYLE,
        voice,
        brand=brand,
        business=business,
        seen=seen,
        appointment=appointment,
        alive=alive,
        moving=moving,
        cancelling=asked.cancel and seen.can_cancel,
        times=times,
        where=zone(appointment.timezone),
        terms=say_terms(voice, attendee.terms, appointment.start, now=seen.now) if alive and seen.can_cancel else "",
        cost=say_cost(voice, attendee.terms, appointment.start, appointment.end),
        heading=HEADINGS.get(seen.place.status, _DONE.get(asked.done or "", "Your appointment")),
        done=asked.done if alive else None,
        calendars=calendar_links(appointment, seen.place.address, invitation_at(base_url, token)),
        fee=voice.money(seen.late_fee_minor, attendee.terms.currency) if seen.late_fee_minor else "",
        problem=problem,
        token=token,
        page=f"/book/{appointment.business}",
        script=f"/widget/{build().name}/bookable.js",
        integrity=build().integrity,
    )
    return page_answer(html, STYLE, status=status, forms=True, widget=True, private=True, brand=brand)
