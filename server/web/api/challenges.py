"""
Owns asking for a challenge before one is refused.

Leaves making it to `web/proofs`.
"""

from aiohttp import web

from server.web.access import Who
from server.web.answers import json_answer
from server.web.keys import CALLER, LIMITS
from server.web.proofs import CHALLENGES
from server.web.route import Route
from server.web.shapes.proofs import ProofChallenge


async def get_challenge(request: web.Request) -> web.Response:
    """A challenge for one business. It costs no query: one for a business that does not exist is of no use."""
    network = request.app[LIMITS].networks(request[CALLER].address).narrow
    return json_answer(await request.app[CHALLENGES].make(request.match_info["business"], network))


def challenge_routes(base: str) -> list[Route]:
    """Ask."""
    return [
        Route("GET", f"{base}/challenge", Who.PUBLIC, get_challenge, "Booking",
              "Get a challenge for a proof of work", answers={200: ProofChallenge}),
    ]  # fmt: skip
