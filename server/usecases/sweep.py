"""
Owns tidying up what time has made void: expired holds, and answers that need not be repeated any more.

Leaves when to do it to the worker. Nothing waits for it: an expired hold blocks nobody, swept or not.
"""

from collections import defaultdict
from dataclasses import dataclass

from server.store.engine import Session
from server.store.holds import Hold, end_hold, let_go_of_class, take_expired
from server.store.idempotency import forget_before
from server.usecases.core import Core

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Swept:
    """How much was tidied up."""

    holds: int
    answers: int


async def sweep(core: Core) -> Swept:
    """Ends expired holds and forgets old answers, in batches; two sweepers do not get in each other's way."""
    holds = answers = 0
    while ended := await core.database.transact(_end_some):
        holds += len(ended)
        await _announce(core, ended)
        if len(ended) < _BATCH:
            break

    async def forget(session: Session) -> int:
        return await forget_before(session, core.booking.idempotency_h, limit=_BATCH)

    while forgotten := await core.database.transact(forget):
        answers += forgotten
        if forgotten < _BATCH:
            break
    return Swept(holds, answers)


async def _end_some(session: Session) -> list[Hold]:
    expired = await take_expired(session, _BATCH)
    for hold in expired:
        await end_hold(session, hold)
        if hold.appointment_id is not None:
            await let_go_of_class(session, hold.business_id, hold.appointment_id)
    return expired


async def _announce(core: Core, ended: list[Hold]) -> None:
    by_business: defaultdict[str, list[Hold]] = defaultdict(list)
    for hold in ended:
        by_business[hold.business].append(hold)
    for business, holds in by_business.items():
        await core.changes.announce(business, None, *(hold.start for hold in holds))
