"""
Owns the page behind "No more reminders", and the one-click call that mail programs make (RFC 8058).

Leaves what is suppressed to `usecases/deliveries`.
"""

from aiohttp import web

from server.usecases.deliveries import unsubscribe
from server.web.bodies import read_form
from server.web.keys import CORE
from server.web.pages.html import STYLE, page_answer, render_page
from server.web.pages.language import voice_of
from server.web.same_origin import refuse_other_sites


async def get_unsubscribe(request: web.Request) -> web.Response:
    """Asks first: whoever looks at all links of a mail must not unsubscribe its reader."""
    return page_answer(
        render_page("unsubscribe.html", STYLE, voice_of(request), done=False), STYLE, forms=True, private=True
    )


async def post_unsubscribe(request: web.Request) -> web.Response:
    """
    No more reminders to this address.

    Raises:
        CrossSite: A page of another site sent it, and it is not the one click of a mail program.
    """
    form = await read_form(request)
    if form.get("List-Unsubscribe") != "One-Click":
        refuse_other_sites(request)
    await unsubscribe(request.app[CORE], request.match_info["token"])
    return page_answer(render_page("unsubscribe.html", STYLE, voice_of(request), done=True), STYLE, private=True)
