"""
Owns proofs of work over HTTP: the challenge that a stranger's device solves, and the header that brings it back.

Leaves who has to show one to the use-cases, and the arithmetic to `proof_of_work`.
"""

import asyncio
import time

from aiohttp import web

from server.domain.errors import ProofRequired
from server.domain.proofs import ShownProof
from server.domain.recent import Recent
from server.proof_of_work import ProofOfWork
from server.web.shapes.proofs import ProofChallenge

HEADER = "Booking-Proof"
_STEPS = ((5, 1), (20, 2))
"""Challenges of one network within ten minutes, and how many times as hard they are; beyond that as hard as may be."""
_HARDEST = 1_000
_WINDOW_S = 600.0
_MOST_NETWORKS = 10_000


class Challenges:
    """Makes challenges, harder ones for a network that keeps asking. Each process counts alone: the bound is low."""

    def __init__(self, work: ProofOfWork) -> None:
        self.work = work
        self._asked: Recent[str, list[int]] = Recent(most=_MOST_NETWORKS, ttl_s=_WINDOW_S)

    async def make(self, business: str, network: str) -> ProofChallenge:
        """A challenge for *business*."""
        factor = self._factor(network)
        return ProofChallenge.model_validate(await asyncio.to_thread(self.work.challenge, business, factor=factor))

    def _factor(self, network: str) -> int:
        now = time.monotonic()
        count = self._asked.get(network, now)
        if count is None:
            count = [0]
            self._asked.put(network, count, now)
        count[0] += 1
        return next((factor for most, factor in _STEPS if count[0] <= most), _HARDEST)


CHALLENGES = web.AppKey("challenges", Challenges)


def proof_shown(request: web.Request) -> ShownProof:
    """What a stranger shows with the request."""
    return request.app[CHALLENGES].work.check(request.match_info["business"], request.headers.get(HEADER, ""))


async def with_challenge(request: web.Request, error: ProofRequired, network: str) -> ProofRequired:
    """*error* with something to solve, so that the client need not ask for it."""
    challenge = await request.app[CHALLENGES].make(request.match_info["business"], network)
    return ProofRequired(reason=error.reason, challenge=challenge.model_dump(by_alias=True))
