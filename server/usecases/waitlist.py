"""
Owns the waitlist as its customers use it: joining and leaving it, and taking what is offered.

Leaves whom to offer what to `offer_freed`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from server.domain.appointment import Booked, CustomerDetails
from server.domain.confirmations import Confirmation
from server.domain.errors import Conflict, DaysPassed, DetailsMissing, LimitReached, NotFound, TimesFree
from server.domain.events import Kind
from server.domain.networks import Networks
from server.domain.proofs import Flaw, ShownProof, proof_to_spend
from server.domain.quotas import Stranger, refuse_waiting
from server.domain.waitlist import NEAREST_S, WaitlistOffer, Wish, fits
from server.domain.zones import date_in, zone
from server.store.engine import Session
from server.store.holds import end_hold, find_hold
from server.store.idempotency import remember
from server.store.locks import in_order
from server.store.outbox import add_fact
from server.store.spent_proofs import spend
from server.store.strangers import waiting_of
from server.store.waitlist import (
    Entry,
    WaitlistTerms,
    count_waiting,
    expire,
    find_entry,
    insert_entry,
    lapse,
    lapsed_offers,
    list_entries,
    mark_left,
    offers_of_entries,
    waited_in_vain,
    waitlist_terms,
)
from server.tokens import new_salt, token_hash
from server.usecases.batches import Batch, drain
from server.usecases.book import new_uid
from server.usecases.claiming import network_keys
from server.usecases.confirm import book_or_ask
from server.usecases.core import Core
from server.usecases.offer_freed import order_of
from server.usecases.offering import offers_of
from server.usecases.once import Once, Replay
from server.usecases.openings import free_openings
from server.usecases.strangers import quotas_of

_MOST_PER_ADDRESS = 5
_SHOWN_FREE = 5


@dataclass(frozen=True, slots=True)
class Joined:
    """A place on the waitlist, and the token that opens it."""

    entry: Entry
    token: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A place on the waitlist as its customer sees it; *hold* opens the time that is offered now, which *offer* is."""

    entry: Entry
    hold: str | None = None
    offer: WaitlistOffer | None = None


async def join(
    core: Core,
    business: str,
    service: str,
    *,
    wish: Wish,
    customer: CustomerDetails,
    once: Once[Joined],
    asked_from: Networks | None = None,
    proof: ShownProof | None = None,
    days_in: ZoneInfo | None = None,
) -> Joined | Replay:
    """
    Puts a customer on the waitlist. Nothing is held by it: while a time that suits is free, they are to book it.

    Args:
        asked_from: Where a stranger asks from.
        proof: What they show of a proof of work.
        days_in: The zone of the days of *wish*; None for the location's.

    Raises:
        NotFound: Business, service, provider or location, or nobody offers it: as for `book`.
        DaysPassed: No day of the wish is still to come.
        Conflict: It asks questions that have to be answered, or is paid, before it is booked: one press cannot do that.
        DetailsMissing: The service needs a phone number.
        TimesFree: A time that suits is free now.
        LimitReached: The customer waits for this service often enough.
        QuotaReached, Blocked, ProofRequired: A stranger has enough, or is not wanted.
        InFlight, IdempotencyMismatch: See `once`.
    """
    terms = await _terms(core, business, service, wish)
    zones = [zone(name) for name in terms.zones]
    if days_in is not None:
        wish = wish.as_seen_from(zones, days_in=days_in)
    now = datetime.now(UTC)
    if all(wish.last_day < date_in(where, now) for where in zones):
        raise DaysPassed
    if terms.asks_more:
        raise Conflict("This service has no waitlist: it asks questions, or is paid, before it is booked.")
    if terms.needs_phone and not customer.phone:
        raise DetailsMissing([("/customer/phone", "This service needs a phone number.")])
    await _check_nothing_is_free(core, business, service, wish)
    business_id = terms.business_id

    async def work(session: Session) -> Joined:
        if asked_from is not None:
            await _refuse_too_many(core, session, business_id, asked_from, customer)
        elif await count_waiting(session, business, service, customer.email) >= _MOST_PER_ADDRESS:
            raise LimitReached(limit=_MOST_PER_ADDRESS)
        if to_spend := proof_to_spend(terms.guard, proof):
            await spend(session, business_id, to_spend)
        values = {**_values(core, customer), "business": business, "service": service}
        values["network"] = asked_from.narrow if asked_from is not None else None
        joined = await _insert(core, session, values, wish)
        once.check(await remember(session, business_id, once.memo(core.vault, joined)))
        return joined

    locks = in_order(network_keys(business_id, asked_from)) if asked_from is not None else []
    return await once.run(core.database, core.vault, business_id, work, locks=locks)


async def _refuse_too_many(
    core: Core, session: Session, business_id: int, asked_from: Networks, customer: CustomerDetails
) -> None:
    """Of a stranger the network counts: an address that was typed must neither be locked out nor found out."""
    stranger = Stranger(networks=asked_from, email=customer.email, phone=customer.phone)
    refuse_waiting(quotas_of(core.booking), await waiting_of(session, business_id, stranger))


async def _terms(core: Core, business: str, service: str, wish: Wish) -> WaitlistTerms:
    # What is at hand is not believed: nothing that follows would notice that it is old.
    await offers_of(core, business, service, provider=wish.provider, location=wish.location, anew=True)
    async with core.database.reading() as session:
        terms = await waitlist_terms(session, business, service, wish.location)
    if terms is None:
        raise NotFound(what="service")
    return terms


async def _check_nothing_is_free(core: Core, business: str, service: str, wish: Wish) -> None:
    free = await free_openings(core, business, service, first=wish.first_day, last=wish.last_day)
    there = fits(wish, free.openings, not_before=int(free.now.timestamp()) + NEAREST_S) if free is not None else []
    if free is not None and there:
        slots = [(each.start, each.end, (each.provider,)) for each in there[:_SHOWN_FREE]]
        raise TimesFree(alternatives=slots, where=free.offer.location.zone)


def _values(core: Core, customer: CustomerDetails) -> dict[str, Any]:
    """The columns of a new entry that say whose it is, and what opens it."""
    salt = new_salt()
    return {
        "uid": new_uid(),
        "name": customer.name,
        "email": customer.email,
        "phone": customer.phone,
        "timezone": customer.timezone,
        "locale": customer.locale,
        "salt": salt,
        "token_hash": token_hash(core.vault.new_waitlist_token(salt)),
    }


async def _insert(core: Core, session: Session, values: Mapping[str, Any], wish: Wish) -> Joined:
    if await insert_entry(session, values, wish) is None:
        raise NotFound(what="offer")
    entry = await find_entry(session, values["token_hash"])
    assert entry is not None, "it was just written"
    return Joined(entry, core.vault.waitlist_token(entry.salt, entry.token_hash))


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
        if entry.status != "offered" or entry.offer_expires_at is None or entry.offer_expires_at <= datetime.now(UTC):
            return Waiting(entry)
        offers = await offers_of_entries(session, [(entry.business_id, entry.uid)])
    if entry.offer_hash is None:
        return Waiting(entry)
    token = core.vault.offer_token(entry.salt, entry.offers, entry.offer_hash)
    return Waiting(entry, token, offers.get(entry.uid))


async def take_offer(
    core: Core,
    token: str,
    once: Once[Booked],
    *,
    asked: Once[Confirmation],
    asked_from: Networks | None = None,
) -> Booked | Confirmation | Replay:
    """
    Books the time that is offered, for whoever it is offered to.

    Whoever joined was given the token, whatever address they typed: where addresses are confirmed, theirs is, here.

    Args:
        asked: The answer where the address is to be confirmed first.
        asked_from: Where a stranger asks from.

    Raises:
        NotFound: There is no such place on the waitlist, or nothing is offered with it now.
        SlotTaken, DetailsMissing, LimitReached, InFlight, IdempotencyMismatch, Unavailable: As for `book`.
    """
    waiting = await view(core, token)
    entry = waiting.entry
    if waiting.hold is None or entry.offered_start is None:
        raise NotFound(what="offer")
    order = order_of(entry, entry.offered_start)
    choice = replace(order.choice, asked_from=asked_from, proof=Flaw.MISSING)
    return await book_or_ask(core, replace(order, choice=choice, hold=waiting.hold), once, asked)


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


async def lapse_offers(core: Core) -> int:
    """Ends what nobody took in time, and the waiting of those whose days have passed; how many offers ended."""
    await drain(core, Batch(name="waiting", take=waited_in_vain, end=expire))
    return await drain(core, Batch(name="lapses", take=lapsed_offers, end=lapse))
