"""
Owns showing over HTTP which addresses are left alone, and lifting that.

Leaves unsubscribing to `pages/unsubscribe`, and START to `inbound_sms`.
"""

import re

from aiohttp import web

from server.domain.errors import NotFound
from server.usecases.suppressions import lift_suppression, page_of_suppressions
from server.web.access import Who
from server.web.api.listing import listed
from server.web.api.managed import editor_of
from server.web.keys import CORE
from server.web.route import Route
from server.web.shapes.drafts import PageQuery
from server.web.shapes.suppressions import SuppressionPage, item_of

_ID = re.compile(r"[1-9][0-9]{0,17}")


async def get_suppressions(request: web.Request) -> web.Response:
    """Those that hold, the oldest first."""
    return await listed(request, page_of_suppressions, SuppressionPage, item_of)


async def delete_suppression(request: web.Request) -> web.Response:
    """Messages go there again."""
    given = request.match_info["id"]
    if not _ID.fullmatch(given):
        raise NotFound(what="suppression")
    await lift_suppression(request.app[CORE], editor_of(request), int(given))
    return web.Response(status=204)


def suppression_routes(base: str) -> list[Route]:
    """List, lift."""
    return [
        Route("GET", f"{base}/suppressions", Who.MANAGE, get_suppressions, "Messages", "List addresses left alone",
              query=PageQuery, answers={200: SuppressionPage}),
        Route("DELETE", f"{base}/suppressions/{{id}}", Who.MANAGE, delete_suppression, "Messages",
              "Send to an address again", answers={204: None}),
    ]  # fmt: skip
