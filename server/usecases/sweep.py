"""
Owns tidying up what time has made void: expired holds, and answers, facts and deliveries that nobody needs any more.

Leaves when to do it to the worker. Nothing waits for it: an expired hold blocks nobody, swept or not.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from server.store.deliveries import forget_deliveries
from server.store.engine import Session
from server.store.holds import Hold, end_hold, let_go_of_class, take_expired
from server.store.idempotency import forget_before
from server.store.outbox import forget_facts, tell_of_freed_time
from server.usecases.core import Core

_BATCH = 500
_FACTS_STAY_DAYS = 7
_DELIVERIES_STAY_DAYS = 30


@dataclass(frozen=True, slots=True)
class Swept:
    """How much was tidied up."""

    holds: int
    rows: int


async def sweep(core: Core) -> Swept:
    """Ends expired holds and forgets what is old, in batches; two sweepers do not get in each other's way."""
    holds = 0
    while ended := await core.database.transact(_end_some):
        holds += len(ended)
        await _announce(core, ended)
        if len(ended) < _BATCH:
            break

    forgotten = 0
    for forget in (
        partial(forget_before, hours=core.booking.idempotency_h),
        partial(forget_facts, days=_FACTS_STAY_DAYS),
        partial(forget_deliveries, days=_DELIVERIES_STAY_DAYS),
    ):
        forgotten += await _in_batches(core, partial(forget, limit=_BATCH))
    return Swept(holds, forgotten)


async def _in_batches(core: Core, forget: Callable[[Session], Awaitable[int]]) -> int:
    total = 0
    while gone := await core.database.transact(forget):
        total += gone
        if gone < _BATCH:
            break
    return total


async def _end_some(session: Session) -> list[Hold]:
    expired = await take_expired(session, _BATCH)
    for hold in expired:
        await end_hold(session, hold)
        if hold.appointment_id is not None:
            await let_go_of_class(session, hold.business_id, hold.appointment_id)
    await tell_of_freed_time(session, [hold.business_id for hold in expired])
    return expired


async def _announce(core: Core, ended: list[Hold]) -> None:
    by_business: defaultdict[str, list[Hold]] = defaultdict(list)
    for hold in ended:
        by_business[hold.business].append(hold)
    for business, holds in by_business.items():
        await core.changes.announce(business, None, *(hold.start for hold in holds))
