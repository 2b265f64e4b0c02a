"""
Owns moving one customer's place from a class to another time, within the transaction of `reschedule`.

Leaves everything that is not shared by several customers to `reschedule`.
"""

from dataclasses import replace

from server.domain.appointment import Appointment
from server.domain.catalogue import Offer
from server.domain.consequences import consequence_of
from server.domain.errors import SlotTaken
from server.domain.events import Fact
from server.domain.lifecycle import Step, after
from server.domain.reminders import DEFAULT_RULES, plan_reminders
from server.store.appointments import release_claims
from server.store.booking import move_attendee
from server.store.engine import Session
from server.usecases.agreeing import Move, as_agreed, former_provider, newly_agreed
from server.usecases.book import as_appointment, as_written, new_appointment
from server.usecases.changing import check_in_time, check_movable, current, is_there_already, stay
from server.usecases.claiming import choose, with_seat
from server.usecases.core import Core
from server.usecases.steps import take_step


async def move_seat(core: Core, session: Session, move: Move, offers: list[Offer]) -> Appointment:
    """The class that the attendee is in afterwards. The old one goes on without them, or ends with its last."""
    target, start, once = move.target, move.start, move.once
    old, attendee = await current(session, target)
    assert attendee is not None, "a seat has somebody in it"
    check_movable(replace(target, appointment=old, attendee=attendee))
    if is_there_already(old, offers, start):
        return await stay(core, session, old, once=once)
    check_in_time(session, target, old, attendee)
    last = replace(target, appointment=old, attendee=attendee).gives_up_its_time
    if last:
        await release_claims(session, old)
    chosen = await choose(session, as_agreed(offers, old, attendee), start, moving=old if last else None)
    choice, seat = await with_seat(session, chosen, start)
    terms = await newly_agreed(session, choice.offer, move, old, attendee)
    service = choice.offer.service
    new = new_appointment(
        choice,
        start,
        uid=seat.uid if seat else None,
        status=after(Step.BOOK, seat.status if seat else None),
    )
    moved = as_appointment(new, seat)
    written = await move_attendee(
        session,
        new,
        attendee.id,
        seat=seat,
        terms=terms,
        reminders=plan_reminders(service.reminders or DEFAULT_RULES, new.start, now=session.now),
        fact=Fact(
            kind=consequence_of(Step.RESCHEDULE, target.actor).fact,
            appointment=str(new.uid),
            sequence=moved.sequence,
            actor=target.actor,
            start=new.start,
            previous_start=old.start,
            previous_end=old.end,
            previous_provider=former_provider(old, choice.offer),
            attendee=attendee.id,
        ),
        memo=once.memo(core.vault, moved),
        now=session.now,
    )
    if not written.owns(choice.resources):
        raise SlotTaken
    once.check(written.remembered)
    step = Step.CANCEL if last else Step.LEAVE
    await take_step(session, old, step, target.actor, attendee=attendee)
    return as_written(moved, written)
