"""
Owns the waitlist: joining and leaving it, and offering time that was freed to the first whom it suits.

Leaves when to look to the worker. Who gets a time is decided where it always is: under the locks of a hold.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from server.domain.appointment import Booked, CustomerDetails, Held, Order, SlotChoice
from server.domain.errors import (
    Blocked,
    Conflict,
    DetailsMissing,
    LimitReached,
    NotFound,
    NotOffered,
    QuotaReached,
    SlotTaken,
)
from server.domain.events import Kind
from server.domain.lifecycle import Actor
from server.domain.networks import Networks
from server.domain.quotas import Stranger, refuse_waiting
from server.domain.waitlist import OFFER_S, Wish, first_fit
from server.store.engine import Session
from server.store.holds import end_hold, find_hold
from server.store.idempotency import remember
from server.store.outbox import add_fact
from server.store.strangers import waiting_of
from server.store.waitlist import (
    Entry,
    count_waiting,
    expire,
    find_entry,
    insert_entry,
    lapse,
    lapsed_offers,
    list_entries,
    mark_left,
    mark_offered,
    waited_in_vain,
    waiting_entries,
    what_is_asked,
)
from server.tokens import new_salt, token_hash
from server.usecases.batches import Batch, drain
from server.usecases.book import book, new_uid
from server.usecases.claiming import network_key
from server.usecases.core import Core
from server.usecases.find_slots import Availability, SlotQuery, find_slots
from server.usecases.hold import hold
from server.usecases.once import Once, Replay
from server.usecases.strangers import quotas_of

_MOST_PER_ADDRESS = 5
_TRIES_PER_ENTRY = 3


@dataclass(frozen=True, slots=True)
class Joined:
    """A place on the waitlist, and the token that opens it."""

    entry: Entry
    token: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A place on the waitlist as its customer sees it; *hold* opens the time that is offered now."""

    entry: Entry
    hold: str | None


class _NotWaiting(Exception):
    """Somebody else has offered them a time, or they have left."""


async def join(
    core: Core, choice: SlotChoice, wish: Wish, customer: CustomerDetails, once: Once[Joined]
) -> Joined | Replay:
    """
    Puts a customer on the waitlist for what *choice* names; its start does not count.

    Raises:
        NotFound: Business, service, provider or location.
        DetailsMissing: The service needs a phone number.
        Conflict: It asks questions that have to be answered, or is paid, before it is booked: one press cannot do that.
        LimitReached: The customer waits for this service often enough.
        QuotaReached, Blocked: A stranger has enough, or is not wanted.
        InFlight, IdempotencyMismatch: See `once`.
    """
    async with core.database.reading() as session:
        business_id = await session.value("SELECT id FROM businesses WHERE slug = $1", choice.business)
        needs_phone, asks_more = await what_is_asked(session, choice.business, choice.service)
    if business_id is None:
        raise NotFound(what="business")
    if asks_more:
        raise Conflict("This service has no waitlist: it asks questions, or is paid, before it is booked.")
    if needs_phone and not customer.phone:
        raise DetailsMissing([("/customer/phone", "This service needs a phone number.")])

    async def work(session: Session) -> Joined:
        if choice.asked_from is not None:
            await _refuse_too_many(core, session, business_id, choice.asked_from, customer)
        elif await count_waiting(session, choice.business, choice.service, customer.email) >= _MOST_PER_ADDRESS:
            raise LimitReached(limit=_MOST_PER_ADDRESS)
        salt = new_salt()
        token = core.vault.waitlist_token(salt)
        values = {
            "business": choice.business,
            "uid": new_uid(),
            "service": choice.service,
            "provider": choice.provider,
            "location": choice.location,
            "name": customer.name,
            "email": customer.email,
            "phone": customer.phone,
            "timezone": customer.timezone,
            "locale": customer.locale,
            "salt": salt,
            "token_hash": token_hash(token),
            "network": choice.asked_from.narrow if choice.asked_from else None,
        }
        if await insert_entry(session, values, wish) is None:
            raise NotFound(what="offer")
        entry = await find_entry(session, token_hash(token))
        assert entry is not None
        # Perhaps something suits already.
        await add_fact(session, business_id, Kind.TIME_FREED, {"v": 1})
        joined = Joined(entry, token)
        once.check(await remember(session, business_id, once.memo(core.vault, joined)))
        return joined

    locks = [network_key(business_id, choice.asked_from)] if choice.asked_from else []
    return await once.run(core.database, core.vault, business_id, work, locks=locks)


async def _refuse_too_many(
    core: Core, session: Session, business_id: int, asked_from: Networks, customer: CustomerDetails
) -> None:
    """Of a stranger the network counts: an address that was typed must neither be locked out nor found out."""
    stranger = Stranger(networks=asked_from, email=customer.email, phone=customer.phone)
    refuse_waiting(quotas_of(core.booking), await waiting_of(session, business_id, stranger))


async def view(core: Core, token: str) -> Waiting:
    """
    The place on the waitlist that *token* opens.

    Raises:
        NotFound: There is none.
    """
    async with core.database.reading() as session:
        entry = await find_entry(session, token_hash(token))
    if entry is None:
        raise NotFound(what="waitlist entry")
    offered = entry.status == "offered" and entry.offer_expires_at is not None
    alive = offered and entry.offer_expires_at > datetime.now(UTC)  # type: ignore[operator]  # see `offered`
    return Waiting(entry, core.vault.offer_token(entry.salt, entry.offers) if alive else None)


async def take_offer(
    core: Core, token: str, once: Once[Booked], *, asked_from: Networks | None = None
) -> Booked | Replay:
    """
    Books the time that is offered, for whoever it is offered to.

    Args:
        asked_from: Where a stranger asks from.

    Raises:
        NotFound: There is no such place on the waitlist, or nothing is offered with it now.
        SlotTaken, DetailsMissing, LimitReached, InFlight, IdempotencyMismatch, Unavailable: As for `book`.
    """
    waiting = await view(core, token)
    entry = waiting.entry
    if waiting.hold is None or entry.offered_start is None:
        raise NotFound(what="offer")
    order = Order(
        choice=SlotChoice(
            business=entry.business,
            service=entry.service,
            provider=entry.provider,
            location=entry.location,
            start=entry.offered_start,
            asked_from=asked_from,
        ),
        customer=CustomerDetails(
            name=entry.name, email=entry.email, phone=entry.phone, timezone=entry.timezone, locale=entry.locale
        ),
        hold=waiting.hold,
    )
    return await book(core, order, once)


async def leave(core: Core, token: str) -> None:
    """
    Gives a place on the waitlist up, and the time that is offered with it.

    Raises:
        NotFound: There is none, or it is over.
    """
    waiting = await view(core, token)

    async def work(session: Session) -> None:
        if not await mark_left(session, waiting.entry):
            raise NotFound(what="waitlist entry")
        if waiting.hold is not None and (held := await find_hold(session, token_hash(waiting.hold))) is not None:
            await end_hold(session, held)
            await add_fact(session, waiting.entry.business_id, Kind.TIME_FREED, {"v": 1})

    await core.database.transact(work)


async def page_of_entries(
    core: Core, business_id: int, *, after: int | None, limit: int
) -> tuple[list[Entry], int | None]:
    """Up to *limit* entries, and the id after which the next page begins; None on the last one."""
    async with core.database.reading() as session:
        found = await list_entries(session, business_id, after=after, limit=limit + 1)
    return found[:limit], found[limit - 1].id if len(found) > limit else None


async def offer_freed(core: Core, business_id: int, *, limit: int = 50) -> int:
    """
    Offers what is free to those who wait for it, the first to come first; how many offers were made.

    Raises:
        Unavailable: A dependency is away; what was offered stays offered.
    """
    async with core.database.reading() as session:
        entries = await waiting_entries(session, business_id, limit=limit)
    known: dict[SlotQuery, Availability] = {}
    given: set[tuple[str, int]] = set()
    made = 0
    for entry in entries:
        query = _query(entry)
        if query not in known:
            known[query] = await find_slots(core, query)
        made += await _offer_to(core, entry, known[query], given)
    return made


async def lapse_offers(core: Core) -> int:
    """Ends what nobody took in time, and the waiting of those whose days have passed; how many offers ended."""
    await drain(core, Batch(name="waiting", take=waited_in_vain, end=expire))
    return await drain(core, Batch(name="lapses", take=lapsed_offers, end=lapse))


def _query(entry: Entry) -> SlotQuery:
    first = max(entry.wish.first_day, datetime.now(UTC).date())
    return SlotQuery(
        business=entry.business,
        service=entry.service,
        provider=entry.provider,
        location=entry.location,
        first=first,
        last=max(first, entry.wish.last_day),
    )


async def _offer_to(core: Core, entry: Entry, free: Availability, given: set[tuple[str, int]]) -> bool:
    """Whether a time could be held for *entry*; what others were given a moment ago is not tried again."""
    starts = [slot[0] for slot in free.slots]
    for _ in range(_TRIES_PER_ENTRY):
        gone = frozenset(start for service, start in given if service == entry.service)
        start = first_fit(entry.wish, starts, free.where, without=gone)
        if start is None:
            return False
        given.add((entry.service, start))
        try:
            await _hold_for(core, entry, datetime.fromtimestamp(start, UTC))
        except (SlotTaken, NotOffered):
            continue
        except (_NotWaiting, QuotaReached, Blocked):
            given.discard((entry.service, start))
            return False
        return True
    return False


async def _hold_for(core: Core, entry: Entry, start: datetime) -> None:
    token = core.vault.offer_token(entry.salt, entry.offers + 1)

    async def also(session: Session, held: Held) -> None:
        hashed = token_hash(token)
        if not await mark_offered(session, entry, hold_hash=hashed, start=held.start, expires_at=held.expires_at):
            raise _NotWaiting
        await add_fact(session, entry.business_id, Kind.WAITLIST_OFFERED, _told(core, entry, held))

    choice = SlotChoice(
        business=entry.business,
        service=entry.service,
        provider=entry.provider,
        location=entry.location,
        start=start,
        # What is offered counts like any other time that their network holds.
        asked_from=Networks(entry.network, entry.network) if entry.network else None,
    )
    once: Once[Held] = Once(None, 201, lambda _: b"")
    await hold(core, choice, once, actor=Actor.SYSTEM, seconds=OFFER_S, token=token, also=also)


def _told(core: Core, entry: Entry, held: Held) -> dict[str, object]:
    """Everything that the mail says: it is about no appointment yet."""
    return {
        "v": 1,
        "sequence": 0,
        "entry": str(entry.uid),
        "email": entry.email,
        "name": entry.name,
        "locale": entry.locale,
        "timezone": entry.timezone,
        "service": entry.service_name,
        "provider": held.provider,
        "location": held.location,
        "location_zone": entry.timezone,
        "start": held.start.isoformat(),
        "end": held.end.isoformat(),
        "expires_at": held.expires_at.isoformat(),
        "path": f"/waitlist/{core.vault.waitlist_token(entry.salt)}",
    }
