"""
Owns ending requests whose time has come before anybody answered them.

Leaves when to look to `sweep`, and what follows to `domain/consequences`.
"""

from collections.abc import Sequence

from server.domain.appointment import Appointment
from server.domain.lifecycle import Actor, Step
from server.store.appointments import take_unanswered
from server.store.engine import Session
from server.usecases.batches import Batch
from server.usecases.core import Core
from server.usecases.steps import take_step


def unanswered(core: Core) -> Batch[Appointment]:
    """The requests that expire now. Whoever answers one at this moment has its lock, and is not overruled."""

    async def tell(expired: Sequence[Appointment]) -> None:
        for request in expired:
            await core.changes.announce(request.business, None, request.start)

    return Batch(name="requests", take=take_unanswered, end=_expire, told=tell)


async def _expire(session: Session, requests: Sequence[Appointment]) -> None:
    for request in requests:
        await take_step(session, request, Step.EXPIRE, Actor.SYSTEM)
