"""
Owns the page to which a calendar service sends its user back: it asks once more, then finishes the sign-in.

Leaves redeeming the code to `usecases/connections`. Only the button redeems it: so somebody who was tricked into
signing in for another business sees that business's name first, and nothing happens by following a link.
"""

from aiohttp import web

from server.domain.errors import CalendarRefused
from server.usecases.connections import awaited, finish_sign_in
from server.web.keys import ACCOUNTS, CORE
from server.web.pages.html import page_answer, render_page
from server.web.route import query_of
from server.web.shapes.calendars import SignInQuery

_STYLE = "mailbox.css"


async def get_sign_in(request: web.Request) -> web.Response:
    """Asks whether the account is to be connected with the business named."""
    asked = query_of(request, SignInQuery)
    state, code = asked.state, asked.code
    connection = await awaited(request.app[CORE], state)
    if not code:  # the person said no
        return _page(stage="refused", business="", service="", state="", code="")
    answer = _page(
        stage="ask", business=connection.business_name, service=connection.preset.capitalize(), state=state, code=code
    )
    policy = answer.headers["Content-Security-Policy"]
    answer.headers["Content-Security-Policy"] = policy.replace("form-action 'none'", "form-action 'self'")
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


async def post_sign_in(request: web.Request) -> web.Response:
    """Redeems what came back."""
    form = await request.post()
    state, code = str(form.get("state", "")), str(form.get("code", ""))
    try:
        shown = await finish_sign_in(request.app[CORE], request.app[ACCOUNTS], state, code)
    except CalendarRefused as error:
        return _page(stage="failed", business="", service=str(error), state="", code="")
    return _page(stage="done", business=shown.connection.business_name, service="", state="", code="")


def _page(**values: str) -> web.Response:
    return page_answer(render_page("sign_in.html", _STYLE, **values), _STYLE)
