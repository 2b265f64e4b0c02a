"""
Owns what follows from a fact: who is told, by which channel; and the calendar text of its appointment.

Leaves sending to the worker. A fact, its deliveries and its texts change in one transaction, so that a worker may die
at any moment: another one finds the fact either open or told.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from server.domain.confirmations import Confirmation
from server.domain.consequences import Telling
from server.domain.errors import Unavailable
from server.domain.events import Kind
from server.domain.telling import BRING_ADDRESS, ENDS, HANDED_OVER, INTERNAL, TO_FORMER, frees_time, telling_of
from server.store.confirmations import confirmations_of
from server.store.deliveries import NewDelivery, insert_deliveries
from server.store.engine import Session
from server.store.hearers import Customer, Hearers, Provider, businesses_with_waiting, hearers_of, providers_of
from server.store.outbox import OpenFact, close_facts, count_failure, take_facts
from server.store.pushed_events import want_pushed
from server.store.waitlist import Waiter, waiters_of
from server.store.webhook_endpoints import subscribed
from server.usecases.core import Core
from server.usecases.render_texts import render_changed, render_renamed

log = logging.getLogger(__name__)

_BATCH = 100


async def dispatch(core: Core) -> int:
    """
    Tells of the oldest open facts, a batch at most; how many were looked at.

    A fact that makes this fail is told apart from the others, and parked when it fails again and again.

    Raises:
        Unavailable: Postgres is away; nothing has changed.
    """
    taken: list[OpenFact] = []
    try:
        return await core.database.transact(lambda session: _dispatch_some(session, _BATCH, taken), by_index=True)
    except Exception as error:
        if not taken:
            raise
        log.warning("%d facts could not be told together (%s); one at a time", len(taken), type(error).__name__)
    told = 0
    while told < _BATCH and await _dispatch_one(core):
        told += 1
    return told


async def _dispatch_one(core: Core) -> bool:
    """The oldest open fact alone; False if there is none. One that cannot be told waits, and lets the others pass."""
    taken: list[OpenFact] = []
    try:
        return bool(await core.database.transact(lambda session: _dispatch_some(session, 1, taken), by_index=True))
    except Exception as error:
        if not taken:
            raise
        fact, detail = taken[0], f"{type(error).__name__}: {error}"
        too_busy = isinstance(error, Unavailable)
        # If the database is away, it does not take this either, and everything stays as it was.
        await core.database.transact(lambda session: count_failure(session, fact, detail, is_its_own=not too_busy))
        log.warning("fact %d cannot be told: %s", fact.id, detail, exc_info=None if too_busy else error)
    return True


async def _dispatch_some(session: Session, limit: int, taken: list[OpenFact]) -> int:
    """How many facts were told; *taken* says which, also where telling them fails."""
    taken.clear()
    facts = await take_facts(session, limit)
    taken += facts
    if facts:
        await _tell(session, facts)
    return len(facts)


async def _tell(session: Session, facts: Sequence[OpenFact]) -> None:
    appointments = sorted({_subject(fact) for fact in facts if fact.appointment_id is not None})
    hearers = await hearers_of(session, appointments) if appointments else {}
    endpoints = await subscribed(session, sorted({(f.business_id, f.kind) for f in facts if f.kind not in INTERNAL}))
    freed = sorted({fact.business_id for fact in facts if _frees_time(fact)})
    waiting = await businesses_with_waiting(session, freed) if freed else set()
    waiters = await _waiters(session, facts)
    former = await _former(session, facts)
    asked = await _asked(session, facts)
    new = [
        delivery
        for fact in facts
        for delivery in (
            *(() if fact.payload.get("quiet") else _to_people(fact, hearers.get(_subject(fact)))),
            *(() if fact.payload.get("quiet") else _to_former(fact, hearers.get(_subject(fact)), former.get(fact.id))),
            *_to_waiter(fact, waiters.get(fact.id)),
            *_to_asked(fact, asked.get(fact.id)),
            *_to_endpoints(fact, endpoints),
            *_to_ourselves(fact, waiting),
        )
    ]
    await insert_deliveries(session, new)
    if appointments:
        await render_changed(session, appointments)
        await want_pushed(session, appointments)
    for fact in facts:
        if fact.kind == Kind.RENAMED:
            await render_renamed(session, fact.business_id, fact.payload["table"], fact.payload["id"])
    await close_facts(session, facts)


async def _waiters(session: Session, facts: Sequence[OpenFact]) -> dict[int, Waiter]:
    """Whom an offer is made to, by id of the fact."""
    asked = {f.id: (f.business_id, UUID(f.payload["entry"])) for f in facts if f.kind == Kind.WAITLIST_OFFERED}
    found = await waiters_of(session, list(asked.values())) if asked else {}
    return {fact_id: found[uid] for fact_id, (_, uid) in asked.items() if uid in found}


async def _former(session: Session, facts: Sequence[OpenFact]) -> dict[int, Provider]:
    """Who lost the appointment to a colleague, by id of the fact."""
    named = {f.id: (f.business_id, f.payload["previous_provider"]) for f in facts if f.payload.get("previous_provider")}
    found = await providers_of(session, sorted(set(named.values()))) if named else {}
    return {fact_id: found[who] for fact_id, who in named.items() if who in found}


async def _asked(session: Session, facts: Sequence[OpenFact]) -> dict[int, Confirmation]:
    """Whose address is to be confirmed, by id of the fact."""
    wanted = {
        f.id: (f.business_id, UUID(f.payload["confirmation"])) for f in facts if f.kind == Kind.CONFIRMATION_WANTED
    }
    found = await confirmations_of(session, list(wanted.values())) if wanted else {}
    return {fact_id: found[uid] for fact_id, (_, uid) in wanted.items() if uid in found}


def _subject(fact: OpenFact) -> tuple[int, int]:
    return fact.business_id, fact.appointment_id or 0


def _frees_time(fact: OpenFact) -> bool:
    return frees_time(fact.kind, fact.payload.get("actor"))


def _to_people(fact: OpenFact, hearers: Hearers | None) -> Iterator[NewDelivery]:
    telling = telling_of(fact.kind, fact.payload.get("actor"))
    if telling is None:
        return
    if fact.kind in BRING_ADDRESS:
        yield from _to_address(fact, telling)
        return
    if hearers is None:
        return
    customers = _customers(fact, hearers)
    if telling.customer:
        for customer in customers:
            once = _once(fact, telling.customer)
            yield _mail(fact, telling.customer, "customer", target=customer.email, once=once, customer=customer)
    if telling.provider and hearers.provider_email and customers:
        handed_over = fact.payload.get("previous_provider") is not None
        yield _mail(
            fact,
            HANDED_OVER[telling.provider] if handed_over else telling.provider,
            "provider",
            target=hearers.provider_email,
            once=f"fact:{fact.id}",
            customer=customers[0],
            more=_others(customers),
        )


def _to_former(fact: OpenFact, hearers: Hearers | None, former: Provider | None) -> Iterator[NewDelivery]:
    """Whoever lost the appointment to a colleague: it is in no calendar of theirs any more."""
    customers = _customers(fact, hearers) if hearers is not None else []
    if former is None or not former.email or not customers:
        return
    yield _mail(
        fact,
        TO_FORMER,
        "provider",
        target=former.email,
        once=f"former:{fact.id}",
        customer=customers[0],
        more={**_others(customers), "former": {"name": former.name, "locale": former.locale}},
    )


def _others(customers: Sequence[Customer]) -> Mapping[str, Any]:
    """Whom a mail to the provider names besides the first."""
    return {"others": [customer.id for customer in customers[1:]]} if len(customers) > 1 else {}


def _to_waiter(fact: OpenFact, waiter: Waiter | None) -> Iterator[NewDelivery]:
    """Whoever waits is no attendee yet, and their address is in no fact."""
    telling = telling_of(fact.kind, None) if waiter is not None else None
    if waiter is not None and telling is not None and telling.customer:
        yield _mail(fact, telling.customer, "customer", target=waiter.email, once=f"fact:{fact.id}")


def _to_address(fact: OpenFact, telling: Telling) -> Iterator[NewDelivery]:
    target, once = fact.payload["email"], _once(fact, telling.customer or telling.provider or "")
    for message, recipient in ((telling.customer, "customer"), (telling.provider, "provider")):
        if message and target:
            yield _mail(fact, message, recipient, target=target, once=once)


def _to_asked(fact: OpenFact, asked: Confirmation | None) -> Iterator[NewDelivery]:
    """Whoever books where addresses are confirmed first: to the address alone."""
    if asked is not None:
        yield _mail(fact, "confirm_address", "customer", target=asked.email, once=f"fact:{fact.id}")


def _once(fact: OpenFact, message: str) -> str:
    """What a message is sent once for."""
    if message in {"cancelled", "declined", "expired"}:
        return "left"  # whoever leaves hears so once, however the fact came about
    if fact.kind == Kind.FEED_REQUESTED:
        return f"feed:{fact.created_at:%Y-%m-%dT%H}"  # whoever asks again and again sends one mail an hour
    if message == "payment_returned":
        return f"returned:{fact.payload['payment']}"  # once on its way, or there at once
    if fact.kind == Kind.SMS_TROUBLE:
        return f"sms:{fact.created_at:%Y-%m-%d}"
    if fact.kind == Kind.PAYMENT_FAILED:
        return f"failed:{fact.created_at:%Y-%m-%dT%H}"  # what is wrong for one customer mostly is for the next
    return f"fact:{fact.id}"


def _customers(fact: OpenFact, hearers: Hearers) -> list[Customer]:
    """The attendee that *fact* is about; else those who were in the appointment when it became true."""
    about = fact.payload.get("attendee")
    if about is not None:
        return [customer for customer in hearers.customers if customer.id == about]
    if fact.kind in ENDS:
        return [c for c in hearers.customers if c.left_at is not None and c.left_at >= fact.created_at]
    return [customer for customer in hearers.customers if customer.left_at is None]


def _mail(
    fact: OpenFact,
    message: str,
    recipient: str,
    *,
    target: str,
    once: str,
    customer: Customer | None = None,
    more: Mapping[str, Any] | None = None,
) -> NewDelivery:
    """A mail about *fact*, which knows *more* than that."""
    of_whom = customer.id if customer is not None else 0
    lane = of_whom if recipient == "customer" else fact.appointment_id
    return NewDelivery(
        business_id=fact.business_id,
        dedupe_key=f"mail:{recipient}:{of_whom}:{once}",
        channel="mail",
        message=message,
        recipient=recipient,
        target=target,
        peer="mail",
        lane=f"mail:{recipient}:{lane}" if lane else None,
        appointment_id=fact.appointment_id,
        attendee_id=customer.id if customer is not None else None,
        payload={**fact.payload, **(more or {})},
    )


def _to_endpoints(fact: OpenFact, endpoints: Mapping[tuple[int, str], Sequence[int]]) -> Iterator[NewDelivery]:
    """No lane: receivers are told not to rely on the order, so that one stuck event holds up nothing."""
    chosen = fact.payload.get("endpoint")
    for endpoint in endpoints.get((fact.business_id, fact.kind), ()):
        if chosen is not None and endpoint != chosen:
            continue
        yield NewDelivery(
            business_id=fact.business_id,
            dedupe_key=f"webhook:{endpoint}:fact:{fact.id}",
            channel="webhook",
            message=fact.kind,
            recipient="endpoint",
            peer=f"webhook:{endpoint}",
            appointment_id=fact.appointment_id,
            attendee_id=fact.payload.get("attendee"),
            endpoint_id=endpoint,
            payload={**fact.payload, "at": fact.created_at.isoformat()},
        )


def _to_ourselves(fact: OpenFact, waiting: set[int]) -> Iterator[NewDelivery]:
    """Work that has to be done once, like a message: giving freed time to whoever waits, and returning money."""
    if fact.kind == Kind.PAYMENT_RETURNING:
        work = "refund"
    elif fact.business_id in waiting and _frees_time(fact):
        work = "waitlist"
    else:
        return
    yield NewDelivery(
        business_id=fact.business_id,
        dedupe_key=f"{work}:fact:{fact.id}",
        channel=work,
        message=fact.kind,
        recipient="nobody",
        peer=work,
        # One look at a business's waitlist after the other: the first to come would not be the first in two at once.
        lane=f"waitlist:{fact.business_id}" if work == "waitlist" else None,
        payload=fact.payload,
    )
