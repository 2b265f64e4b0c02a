"""
Owns moving an appointment, or one customer's place in a class, to another time in one transaction.

Leaves which times are free to `claiming`.
"""

from dataclasses import replace
from datetime import UTC, datetime

from server.domain.appointment import Appointment, SlotChoice
from server.domain.bounds import bounds_of
from server.domain.catalogue import Offer
from server.domain.consequences import consequence_of
from server.domain.errors import NoLongerOffered, NotFound, SlotTaken
from server.domain.events import Fact
from server.domain.lifecycle import after
from server.domain.reminders import DEFAULT_RULES, plan_reminders
from server.domain.terms import Terms
from server.store.appointments import claimed_resources, release_claims, write_move
from server.store.engine import Session
from server.store.locks import in_order, keys_for
from server.usecases.agreeing import Move, as_agreed, former_provider, newly_agreed, step_of
from server.usecases.book import new_appointment
from server.usecases.changing import check_in_time, check_movable, current, is_there_already, stay
from server.usecases.claiming import Choice, choose, locks_for, offers_for, with_alternatives
from server.usecases.core import Core
from server.usecases.move_seat import move_seat
from server.usecases.offering import with_current_offers
from server.usecases.once import Once, Replay
from server.usecases.places import Target


async def reschedule(
    core: Core,
    target: Target,
    start: datetime,
    once: Once[Appointment],
    *,
    provider: str | None = None,
    terms: Terms | None = None,
) -> Appointment | Replay:
    """
    Moves it to *start*, with the same provider unless another is named; where it is there already, nothing happens.

    Args:
        terms: What the customer agrees to, where it is not what they have agreed to.

    Raises:
        TermsChanged, Conflict: See `newly_agreed`.
        PolicyClosed: The customer is too late.
        IllegalTransition: It is over.
        NoLongerOffered, NotFound: See `_offers_for`.
        SlotTaken, NotOffered: As for `book`.
    """
    check_movable(target)
    appointment = target.appointment
    choice = SlotChoice(
        business=appointment.business,
        service=appointment.service,
        provider=provider or appointment.provider,
        location=appointment.location,
        start=start,
    )
    move = Move(target=target, start=int(start.timestamp()), once=once, terms=terms)
    return await with_current_offers(lambda anew: _reschedule(core, move, choice, anew=anew))


async def _reschedule(core: Core, move: Move, choice: SlotChoice, *, anew: bool) -> Appointment | Replay:
    appointment, attendee = move.target.appointment, move.target.attendee
    offers = await _offers_for(core, choice, appointment, anew=anew)
    agreed = as_agreed(offers, appointment, attendee)
    async with core.database.reading() as session:
        owned = await claimed_resources(session, appointment)
    # Both the old time and the new one are locked, in one order with everybody else's: A to B cannot wait for B to A.
    locks = in_order([*locks_for([*offers, *agreed], move.start), *keys_for(owned)])

    async def work(session: Session) -> Appointment:
        if attendee is not None and appointment.shared:
            return await move_seat(core, session, move, offers)
        return await _move(core, session, move, offers)

    try:
        result = await move.once.run(core.database, core.vault, appointment.business_id, work, locks=locks)
    except SlotTaken:
        raise await with_alternatives(core.database, choice, agreed) from None
    if isinstance(result, Appointment):
        await core.changes.announce(appointment.business, None, appointment.start, choice.start)
    return result


async def _offers_for(core: Core, choice: SlotChoice, appointment: Appointment, *, anew: bool) -> list[Offer]:
    """
    Who could do it at the new time.

    Raises:
        NotFound: The provider who was named is not there.
        NoLongerOffered: What was booked is not offered any more, or not by them.
    """
    try:
        return await offers_for(core, choice, anew=anew)
    except NotFound as error:
        named = choice.provider != appointment.provider
        if error.what == "business" or (error.what == "provider" and named):
            raise
        raise NoLongerOffered(what=error.what) from None


async def _move(core: Core, session: Session, move: Move, offers: list[Offer]) -> Appointment:
    target, start, once = move.target, move.start, move.once
    appointment, attendee = await current(session, target)
    check_movable(replace(target, appointment=appointment, attendee=attendee))
    if is_there_already(appointment, offers, start):
        return await stay(core, session, appointment, once=once)
    check_in_time(session, target, appointment, attendee)
    offers = as_agreed(offers, appointment, attendee)
    await release_claims(session, appointment)
    bounds = bounds_of(target.actor, override=target.override)
    choice = await choose(session, offers, start, moving=appointment, bounds=bounds)
    if choice.joins:  # two classes are not made one
        raise SlotTaken
    terms = await newly_agreed(session, choice.offer, move, appointment, attendee)
    step = step_of(choice.offer, target.actor, appointment)
    moved = replace(moved_to(appointment, choice, start), status=after(step, appointment.status))
    service = choice.offer.service
    claimed, remembered = await write_move(
        session,
        appointment,
        new_appointment(choice, start, uid=appointment.uid, status=moved.status),
        terms=terms,
        reminders=plan_reminders(service.reminders or DEFAULT_RULES, moved.start, now=session.now),
        fact=Fact(
            kind=consequence_of(step, target.actor).fact,
            appointment=str(appointment.uid),
            sequence=moved.sequence,
            actor=target.actor,
            start=moved.start,
            previous_start=appointment.start,
            previous_end=appointment.end,
            previous_provider=former_provider(appointment, choice.offer),
        ),
        memo=once.memo(core.vault, moved),
        reason=choice.logged(target.override),
    )
    if claimed < len(choice.resources):
        raise SlotTaken
    once.check(remembered)
    return moved


def moved_to(appointment: Appointment, choice: Choice, start: int) -> Appointment:
    """*appointment* at its new time and place."""
    offer = choice.offer
    return replace(
        appointment,
        start=datetime.fromtimestamp(start, UTC),
        end=datetime.fromtimestamp(start + offer.service.duration_s, UTC),
        timezone=offer.location.zone.key,
        sequence=appointment.sequence + 1,
        version=appointment.version + 1,
        provider=offer.provider.slug,
        provider_name=offer.provider.name,
        provider_id=offer.provider.id,
        location=offer.location.slug,
        location_name=offer.location.name,
    )
