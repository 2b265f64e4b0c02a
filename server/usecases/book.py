"""
Owns booking: the one transaction after which a time belongs to a customer.

Leaves what holding and moving have in common with it to `claiming`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import uuid_utils

from server.domain.appointment import Appointment, Booked, Order
from server.domain.bounds import bounds_of
from server.domain.catalogue import Offer
from server.domain.consequences import consequence_of
from server.domain.details import missing_details
from server.domain.errors import CatalogueChanged, DetailsMissing, PaymentRequired, SlotTaken
from server.domain.events import Fact
from server.domain.lifecycle import Actor, Status, Step, after
from server.domain.promise import Promise
from server.domain.reminders import DEFAULT_RULES, plan_reminders
from server.domain.terms import Approval, Terms
from server.domain.zones import local_date
from server.store.booking import (
    NewAppointment,
    NewAttendee,
    Seat,
    Written,
    count_upcoming,
    insert_booking,
)
from server.store.engine import Session
from server.store.holds import Hold, find_hold, take_over
from server.store.waitlist import mark_taken
from server.tokens import new_salt, token_hash
from server.usecases.claiming import (
    Choice,
    as_shown,
    check_shown,
    choose,
    likeliest_first,
    locks_for,
    offers_for,
    with_alternatives,
    with_seat,
)
from server.usecases.core import Core
from server.usecases.offering import with_current_offers
from server.usecases.once import Once, Replay
from server.usecases.strangers import wanting


async def book(
    core: Core,
    order: Order,
    once: Once[Booked],
    *,
    also: Callable[[Session, int], Awaitable[None]] | None = None,
) -> Booked | Replay:
    """
    Books what *order* asks for, or answers as it did when the same request came before.

    Args:
        also: What else becomes true in the same transaction, given the id of the appointment.

    Raises:
        NotFound: Business, service, provider or location, or nobody offers it.
        DetailsMissing: The service wants to know something else of the customer.
        PaymentRequired: It is paid first.
        TermsChanged: What would bind is not what the customer was shown.
        NotOffered: Not a time at which it is offered.
        SlotTaken: Somebody was faster; with alternatives.
        LimitReached: The customer may not book more of this service.
        QuotaReached, Blocked, ProofRequired: A stranger has enough, or is not wanted.
        InFlight, IdempotencyMismatch: See `once`.
        Unavailable: Ask again with the same key; only it can tell whether the booking happened.
    """
    hold = await _hold_of(core, order)
    if hold is not None:
        order = replace(order, choice=replace(order.choice, provider=hold.provider, location=hold.location))
    wish = _Wish(order, hold, once, also)
    return await with_current_offers(lambda anew: _book_any(core, wish, anew=anew))


@dataclass(frozen=True, slots=True)
class _Wish:
    """Everything that `book` was asked for."""

    order: Order
    hold: Hold | None
    once: Once[Booked]
    also: Callable[[Session, int], Awaitable[None]] | None

    @property
    def shown(self) -> Terms | None:
        """What the customer saw: what they say, or else what their hold answered, though it be over."""
        return self.order.terms or (self.hold.terms if self.hold is not None else None)


async def _hold_of(core: Core, order: Order) -> Hold | None:
    """The hold that *order* names. One that is gone or for another time is no reason to refuse: it may be free."""
    if order.hold is None:
        return None
    async with core.database.reading() as session:
        hold = await find_hold(session, token_hash(order.hold))
    return hold if hold is not None and _fits(hold, order) else None


async def _book_any(core: Core, wish: _Wish, *, anew: bool) -> Booked | Replay:
    order = wish.order
    start = int(order.choice.start.timestamp())
    offers = await offers_for(core, order.choice, anew=anew)
    if order.actor is Actor.CUSTOMER:
        _check_asked(offers[0].at(wish.hold.terms) if wish.hold else offers[0], order, known_anew=anew)
    offers = as_shown(offers, wish.shown)
    for group in await likeliest_first(core, offers, start):

        async def work(session: Session, group: list[Offer] = group) -> Booked:
            return await _book_one(core, session, wish, group)

        try:
            result = await wish.once.run(
                core.database,
                core.vault,
                offers[0].business_id,
                work,
                locks=locks_for(
                    _at_both(group, wish.shown), start, email=order.customer.email, asked_from=order.choice.asked_from
                ),
            )
        except SlotTaken:
            continue
        if isinstance(result, Booked):
            shared = any(offer.needs for offer in group)
            await core.changes.announce_appointment(result.appointment, shared=shared)
        return result
    raise await with_alternatives(core.database, order.choice, offers)


def _check_asked(offer: Offer, order: Order, *, known_anew: bool) -> None:
    """
    Whether the customer says, and has paid, what the service wants.

    What is at hand may be old, and no query has noticed yet: nobody is refused for what was not just read. Whoever has
    paid, or confirms their address, was asked before: a question of later is no reason to refuse them.
    """
    if order.paid:
        return
    lacking = [] if order.proved else missing_details(offer.service, order.customer, order.answers)
    owes = offer.service.pays_online
    if (lacking or owes) and not known_anew:
        raise CatalogueChanged
    if lacking:
        raise DetailsMissing(lacking)
    if owes:
        raise PaymentRequired


def _fits(hold: Hold, order: Order) -> bool:
    choice = order.choice
    return (
        hold.business == choice.business
        and hold.service == choice.service
        and hold.start == choice.start
        and choice.provider in (None, hold.provider)
        and choice.location in (None, hold.location)
    )


async def _book_one(core: Core, session: Session, wish: _Wish, offers: list[Offer]) -> Booked:
    """Under the locks: the hold gives way, the rules are asked, everything is written at once."""
    order, hold = wish.order, wish.hold
    start = int(order.choice.start.timestamp())
    promise = await take_over(session, hold) if hold is not None else None
    if hold is not None and promise is not None:
        await mark_taken(session, hold.business_id, hold.id)
    chosen = await choose(
        session,
        [_promised(offer, order, promise) for offer in offers],
        start,
        customer_remaining=await remaining(session, offers[0], order),
        bounds=bounds_of(order.actor, override=order.override, held=promise is not None),
        # Nobody's money is given back for a quota: whoever has paid is not counted, as whoever reads their mails.
        wanting=wanting(core.booking, order.choice, order.customer, counted=not (order.proved or order.paid)),
        is_unproved=order.choice.proof is not None and not order.proved and not order.paid,
        proof=order.choice.proof if promise is None else None,  # their hold has cost them one
    )
    choice, seat = await with_seat(session, chosen, start)
    check_shown(choice.offer, wish.shown)
    service = choice.offer.service
    step = Step.REQUEST if service.approval is Approval.MANUAL and order.actor is Actor.CUSTOMER else Step.BOOK
    status = after(step, seat.status if seat else None)
    new = new_appointment(choice, start, uid=seat.uid if seat else None, status=status)
    salt = order.salt or new_salt()
    token = core.vault.new_manage_token(salt)
    booked = Booked(
        appointment=as_appointment(new, seat),
        address=new.offer.location.address,
        terms=service.terms,
        manage_token=token,
    )
    written = await insert_booking(
        session,
        new,
        NewAttendee(
            customer=order.customer,
            customer_uid=new_uid(),
            answers=dict(order.answers),
            terms=service.terms,
            token_salt=salt,
            token_hash=token_hash(token),
            reminders=plan_reminders(service.reminders or DEFAULT_RULES, new.start, now=session.now),
            network=order.choice.asked_from.narrow if order.choice.asked_from else None,
            proved=order.proved or order.actor is not Actor.CUSTOMER,
        ),
        seat=seat,
        promised=promise is not None,
        fact=Fact(
            kind=consequence_of(step, order.actor).fact,
            appointment=str(new.uid),
            sequence=seat.sequence if seat else 0,
            actor=order.actor,
            start=new.start,
        ),
        memo=wish.once.memo(core.vault, booked),
        reason=choice.logged(order.override),
        now=session.now,
    )
    if written.id is None or not written.owns(choice.resources):
        raise SlotTaken
    wish.once.check(written.remembered)
    if wish.also is not None:
        await wish.also(session, written.id)
    return replace(booked, appointment=as_written(booked.appointment, written))


def _at_both(offers: list[Offer], terms: Terms | None) -> list[Offer]:
    """*offers* as they are, and at *terms*: the lock decides which of them holds, so it is taken for either."""
    return offers if terms is None else [*offers, *(offer.at(terms) for offer in offers)]


def _promised(offer: Offer, order: Order, promise: Promise | None) -> Offer:
    """*offer* at the terms that bind: those of the living hold, those that were paid, else those of now."""
    if promise is not None:
        return promise.kept(offer)
    return offer.at(order.terms) if order.paid and order.terms is not None else offer


async def remaining(session: Session, offer: Offer, order: Order) -> int | None:
    """How many more of this service the customer of *order* may book; None is no limit."""
    limit = offer.service.per_customer_limit
    if limit is None:
        return None
    own_hold = token_hash(order.hold) if order.hold is not None else None
    return limit - await count_upcoming(session, offer, order, own_hold=own_hold)


def new_appointment(choice: Choice, start: int, *, uid: UUID | None, status: Status) -> NewAppointment:
    """The row for *choice* at *start*; *uid* where it exists already."""
    offer = choice.offer
    claim_start, claim_end = offer.claim(start)
    return NewAppointment(
        offer=offer,
        uid=uid or new_uid(),
        status=status,
        start=datetime.fromtimestamp(start, UTC),
        end=datetime.fromtimestamp(start + offer.service.duration_s, UTC),
        local_day=local_date(offer.location.zone, start),
        claim_start=datetime.fromtimestamp(claim_start, UTC),
        claim_end=datetime.fromtimestamp(claim_end, UTC),
        resources=choice.resources,
    )


def new_uid() -> UUID:
    """A UUIDv7: ordered by time, so that its index grows at one end."""
    return UUID(int=uuid_utils.uuid7().int)


def as_written(appointment: Appointment, written: Written) -> Appointment:
    """*appointment* with what only its row knows."""
    assert written.id is not None, "it was written"
    return replace(appointment, id=written.id, version=written.version, seats_taken=written.seats_taken)


def as_appointment(new: NewAppointment, seat: Seat | None) -> Appointment:
    """*new* as its customer is told of it, before it is written: `as_written` adds what only the row knows."""
    offer = new.offer
    return Appointment(
        business_id=offer.business_id,
        id=seat.appointment_id if seat else 0,
        uid=new.uid,
        status=new.status,
        start=new.start,
        end=new.end,
        timezone=offer.location.zone.key,
        sequence=seat.sequence if seat else 0,
        version=1,
        shared=offer.service.is_class,
        capacity=offer.service.capacity,
        seats_taken=1,
        business=offer.business,
        business_name=offer.business_name,
        service=offer.service.slug,
        service_name=offer.service.name,
        provider=offer.provider.slug,
        provider_name=offer.provider.name,
        provider_id=offer.provider.id,
        location=offer.location.slug,
        location_name=offer.location.name,
    )
