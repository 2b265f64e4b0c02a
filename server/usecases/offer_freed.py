"""
Owns offering what is free to those who wait for it: the first to come first, among those who could take it.

Leaves when to look to the worker. Who gets a time is decided where it always is: under the locks of a hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from server.domain.appointment import CustomerDetails, Held, Order, SlotChoice
from server.domain.catalogue import Offer
from server.domain.details import missing_details
from server.domain.errors import Blocked, NotFound, NotOffered, QuotaReached, SlotTaken
from server.domain.events import Kind
from server.domain.lifecycle import Actor
from server.domain.networks import Networks
from server.domain.waitlist import NEAREST_S, OFFER_S, Opening, fits
from server.store.booking import count_upcoming
from server.store.engine import Session
from server.store.outbox import add_fact
from server.store.set_aside import Key
from server.store.waitlist import (
    Entry,
    Queue,
    businesses_waiting,
    mark_offered,
    waiting_entries,
    waiting_queues,
)
from server.tokens import token_hash
from server.usecases.batches import WITHIN_S, each, through
from server.usecases.core import Core
from server.usecases.hold import hold
from server.usecases.once import Once
from server.usecases.openings import Free, free_openings

_AT_ONCE = 200
_TRIES_PER_ENTRY = 3
_PER_BUSINESS_S = 10.0


class _NotWaiting(Exception):
    """Somebody else has offered them a time, or they have left."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One look at a business's waitlist: how many offers were made, and the entry to go on after if time ran out."""

    offers: int
    stopped_after: Entry | None


async def offer_freed(
    core: Core, business_id: int, *, after: Entry | None = None, within_s: float = _PER_BUSINESS_S
) -> Looked:
    """
    Offers what is free in a business to those who wait for it.

    Who waits for something full costs nothing but the look at their service: only those are walked through for whose
    service something is free. An entry that cannot be served is passed over; one that raises is set aside.

    Args:
        after: Where the last look stopped.

    Raises:
        Unavailable: The database is away; what was offered stays offered.
    """
    async with core.database.reading() as session:
        queues = await waiting_queues(session, business_id)
    run = _Run(core, {queue.service: queue for queue in queues})
    await each(core, "waitlist", queues, run.read)
    services = run.services_with_something_free()
    if not services:
        return Looked(0, None)

    async def page(session: Session, last: Entry | None, limit: int) -> list[Entry]:
        return await waiting_entries(session, business_id, services, after=last.id if last else 0, limit=limit)

    stopped = await through(core, "waitlist", page, run.serve, after=after, at_once=_AT_ONCE, within_s=within_s)
    return Looked(run.offers, stopped)


async def offer_everywhere(core: Core, *, after: Key | None = None, within_s: float = WITHIN_S) -> Key | None:
    """
    Looks at the waitlist of every business in which somebody waits: what no event told of is found here.

    Args:
        after: The business after which to begin.

    Returns:
        The business after which the next look goes on; None when all were looked at.
    """
    return await through(
        core, "waitlists", businesses_waiting, lambda key: offer_freed(core, key.business_id), after=after,
        within_s=within_s,
    )  # fmt: skip


@dataclass(slots=True)
class _Run:
    """What is known during one look; forgotten as soon as a time is given away, because it takes others with it."""

    core: Core
    queues: Mapping[str, Queue]
    offers: int = 0
    _free: dict[str, Free | None] = field(default_factory=dict)

    async def read(self, queue: Queue) -> Free | None:
        """What is free of the service of *queue* now; None where it is not offered any more."""
        if queue.service not in self._free:
            try:
                free = await free_openings(
                    self.core, queue.business, queue.service, first=queue.first_day, last=queue.last_day
                )
            except NotFound:
                free = None
            self._free[queue.service] = free
        return self._free[queue.service]

    def services_with_something_free(self) -> list[int]:
        """Ids of the services of which something is free."""
        found = ((self.queues[name], free) for name, free in self._free.items() if free is not None)
        return [queue.service_id for queue, free in found if free.openings]

    async def serve(self, entry: Entry) -> None:
        """Holds the first time that suits *entry* and that they could take, if there is one."""
        tried: set[int] = set()
        for _ in range(_TRIES_PER_ENTRY):
            opening = await self._next(entry, tried)
            if opening is None:
                return
            tried.add(opening.start)
            try:
                await _hold_for(self.core, entry, opening)
            except (SlotTaken, NotOffered):
                self._free.clear()
                continue
            except (_NotWaiting, QuotaReached, Blocked):
                return
            self._free.clear()
            self.offers += 1
            return

    async def _next(self, entry: Entry, tried: set[int]) -> Opening | None:
        free = await self.read(self.queues[entry.service])
        if free is None:
            return None
        there = fits(
            entry.wish,
            free.openings,
            not_before=int(free.now.timestamp()) + NEAREST_S,
            without={*tried, entry.passed_start} if entry.passed_start is not None else tried,
            busy=entry.busy,
        )
        if not there or not await _may_take(self.core, entry, free.offer, there[0]):
            return None
        return there[0]


async def _may_take(core: Core, entry: Entry, offer: Offer, opening: Opening) -> bool:
    """Whether one press could book it: what the service wants may have changed since they joined."""
    service, order = offer.service, order_of(entry, datetime.fromtimestamp(opening.start, UTC))
    if service.pays_online or missing_details(service, order.customer, {}):
        return False
    if service.per_customer_limit is None:
        return True
    async with core.database.reading() as session:
        upcoming = await count_upcoming(session, offer, order, own_hold=None)
    return upcoming < service.per_customer_limit


async def _hold_for(core: Core, entry: Entry, opening: Opening) -> None:
    token = core.vault.new_offer_token(entry.salt, entry.offers + 1)

    async def also(session: Session, held: Held) -> None:
        hashed = token_hash(token)
        if not await mark_offered(session, entry, hold_hash=hashed, start=held.start, expires_at=held.expires_at):
            raise _NotWaiting
        await add_fact(session, entry.business_id, Kind.WAITLIST_OFFERED, _told(entry, held))

    choice = order_of(entry, datetime.fromtimestamp(opening.start, UTC)).choice
    once: Once[Held] = Once(None, 201, lambda _: b"")
    await hold(
        core,
        replace(choice, location=opening.location),
        once,
        actor=Actor.SYSTEM,
        seconds=OFFER_S,
        token=token,
        also=also,
    )


def order_of(entry: Entry, start: datetime) -> Order:
    """What *entry* books when it takes *start*; it counts like any other time that their network holds."""
    return Order(
        choice=SlotChoice(
            business=entry.business,
            service=entry.service,
            provider=entry.wish.provider,
            location=entry.wish.location,
            start=start,
            asked_from=Networks(entry.network, entry.network) if entry.network else None,
        ),
        customer=CustomerDetails(
            name=entry.name, email=entry.email, phone=entry.phone, timezone=entry.timezone, locale=entry.locale
        ),
    )


def _told(entry: Entry, held: Held) -> dict[str, object]:
    """Whose offer it is, and which: names, addresses and the link are looked up by whoever writes to them."""
    return {
        "v": 2,
        "entry": str(entry.uid),
        "service": entry.service,
        "provider": held.provider,
        "location": held.location,
        "start": held.start.isoformat(),
        "end": held.end.isoformat(),
        "expires_at": held.expires_at.isoformat(),
    }
