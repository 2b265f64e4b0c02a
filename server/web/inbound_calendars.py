"""
Owns the calls of calendar services that something has changed: Google, Microsoft, and whoever speaks WebDAV-Push.

Leaves looking to the worker. The address is the secret; what else a call says is not believed, and not needed.
"""

from aiohttp import web

from server.usecases.connections import wake
from server.web.keys import CORE
from server.web.route import query_of
from server.web.shapes.calendars import NoticeQuery


async def receive_notice(request: web.Request) -> web.Response:
    """
    Makes the connection due.

    Microsoft asks once whether somebody is here, and wants its token back as plain text.
    """
    await wake(request.app[CORE], request.match_info["token"])
    proof = query_of(request, NoticeQuery).validationToken
    if proof is not None:
        return web.Response(text=proof, content_type="text/plain")
    # RFC 8030, 5: what a push service says; the others take any success.
    return web.Response(status=201)
