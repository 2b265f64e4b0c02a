"""
Owns keeping a time and letting it go, over HTTP.

Leaves doing it to `usecases/hold`.
"""

from aiohttp import web

from server.domain.appointment import Held
from server.usecases.hold import hold, release
from server.usecases.once import Once, Replay
from server.web.answers import as_json, raw_answer, replayed
from server.web.keys import CALLER, CORE
from server.web.route import body_of, keyed
from server.web.shapes.appointments import HoldAnswer, HoldOrder
from server.web.shapes.terms import terms_shown


async def create_hold(request: web.Request) -> web.Response:
    """Keeps a time for a few minutes."""
    asked = body_of(request, HoldOrder)
    once: Once[Held] = Once(keyed(request), 201, lambda held: as_json(HoldAnswer.of(held)))
    caller = request[CALLER]
    choice = asked.choice(request.match_info["business"], caller.stranger, caller.proof)
    result = await hold(request.app[CORE], choice, once, terms=terms_shown(asked.terms))
    return replayed(result) if isinstance(result, Replay) else raw_answer(once.body(result), status=201)


async def delete_hold(request: web.Request) -> web.Response:
    """Lets go of it."""
    await release(request.app[CORE], request.match_info["hold"])
    return web.Response(status=204)
