"""
Owns the page to which a calendar service sends its user back: it asks once more, then finishes the sign-in.

Leaves redeeming the code to `usecases/connecting`. Only the button redeems it: so somebody who was tricked into
signing in for another business sees that business's name first, and nothing happens by following a link.
"""

from typing import Any

from aiohttp import web

from server.domain.errors import CalendarRefused, NotFound, Unavailable
from server.usecases.connecting import awaited, finish_sign_in
from server.web.bodies import read_form
from server.web.keys import ACCOUNTS, CORE
from server.web.pages.html import STYLE, page_answer, render_page
from server.web.route import query_of
from server.web.shapes.calendars import SignInQuery


async def get_sign_in(request: web.Request) -> web.Response:
    """Asks whether the account is to be connected with the business named."""
    asked = query_of(request, SignInQuery)
    state, code = asked.state, asked.code
    try:
        connection = await awaited(request.app[CORE], state)
    except NotFound:
        return _page("late", status=404)
    if not code:  # the person said no
        return _page("refused")
    service = connection.preset.capitalize()
    return _page("ask", business=connection.business_name, service=service, state=state, code=code)


async def post_sign_in(request: web.Request) -> web.Response:
    """Redeems what came back."""
    form = await read_form(request)
    state, code = form.get("state", ""), form.get("code", "")
    try:
        shown = await finish_sign_in(request.app[CORE], request.app[ACCOUNTS], state, code)
    except NotFound:
        return _page("late", status=404)
    except CalendarRefused as error:
        return _page("failed", why=str(error))
    except Unavailable:
        return _page("failed", why="The calendar service does not answer.", status=503)
    return _page("done", business=shown.connection.business_name, service=shown.connection.preset.capitalize())


def _page(stage: str, *, status: int = 200, **values: str) -> web.Response:
    """A page for a person in a browser; its address holds a code, which is nobody else's to keep."""
    shown: dict[str, Any] = {"business": "", "service": "", "state": "", "code": "", "why": "", **values}
    html = render_page("sign_in.html", STYLE, stage=stage, **shown)
    return page_answer(html, STYLE, status=status, forms=stage == "ask", private=True)
