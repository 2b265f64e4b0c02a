"""
Owns tidying up what time has made void: expired holds, requests that nobody answered, and answers, facts and deliveries
that nobody needs any more.

Leaves when to do it to the worker. Nothing waits for it: an expired hold blocks nobody, swept or not.
"""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from server.domain.errors import Unavailable
from server.store.confirmations import forget_confirmations, old_confirmations
from server.store.deliveries import forget_deliveries, old_deliveries
from server.store.engine import Session
from server.store.holds import Hold, end_hold, let_go_of_classes, take_expired
from server.store.idempotency import forget_answers, old_answers
from server.store.outbox import forget_facts, old_facts, tell_of_freed_time
from server.store.set_aside import forget_set_aside
from server.store.spent_proofs import forget_proofs, old_proofs
from server.store.strangers import forget_networks, networks_of, old_networks
from server.usecases.batches import AT_ONCE, Batch, drain
from server.usecases.core import Core
from server.usecases.expire import unanswered

log = logging.getLogger(__name__)

_FACTS_STAY_DAYS = 7
_DELIVERIES_STAY_DAYS = 30


@dataclass(frozen=True, slots=True)
class Swept:
    """How much was tidied up."""

    holds: int
    requests: int
    rows: int


async def sweep(core: Core) -> Swept:
    """
    Ends expired holds and unanswered requests, and forgets what is old; two sweepers do not get in each other's way.

    Raises:
        Unavailable: The database is away.
    """
    holds = await drain(core, Batch(name="holds", take=take_expired, end=_end_holds, told=partial(_announce, core)))
    requests = await drain(core, unanswered(core))
    rows = 0
    for old in _what_gets_old(core):
        rows += await drain(core, old)
    await core.database.transact(partial(forget_set_aside, limit=AT_ONCE))
    return Swept(holds, requests, rows)


async def all_of(*steps: Callable[[], Awaitable[object]]) -> None:
    """
    Each of *steps*: one that raises is logged, and keeps none of the others from being taken.

    Raises:
        Unavailable: The database is away.
    """
    for step in steps:
        try:
            await step()
        except Unavailable:
            raise
        except Exception:
            log.exception("a part of tidying up failed; it is tried again in a minute")


def _what_gets_old(core: Core) -> Sequence[Batch[Any]]:
    return (
        Batch(name="answers", take=partial(old_answers, hours=core.booking.idempotency_h), end=forget_answers),
        Batch(name="facts", take=partial(old_facts, days=_FACTS_STAY_DAYS), end=forget_facts),
        *(
            Batch(
                name=networks_of(table),
                take=partial(old_networks, table=table, days=core.booking.networks_days),
                end=partial(forget_networks, table=table),
            )
            for table in ("attendees", "waitlist_entries", "payments")
        ),
        Batch(name="proofs", take=old_proofs, end=forget_proofs),
        Batch(name="confirmations", take=old_confirmations, end=forget_confirmations),
        Batch(name="deliveries", take=partial(old_deliveries, days=_DELIVERIES_STAY_DAYS), end=forget_deliveries),
    )


async def _end_holds(session: Session, expired: Sequence[Hold]) -> None:
    for hold in expired:
        await end_hold(session, hold)
        if hold.appointment_id is not None:
            await let_go_of_classes(session, hold.business_id, [hold.appointment_id])
    await tell_of_freed_time(session, [hold.business_id for hold in expired])


async def _announce(core: Core, ended: Sequence[Hold]) -> None:
    by_business: defaultdict[str, list[Hold]] = defaultdict(list)
    for hold in ended:
        by_business[hold.business].append(hold)
    for business, holds in by_business.items():
        await core.changes.announce(business, None, *(hold.start for hold in holds))
