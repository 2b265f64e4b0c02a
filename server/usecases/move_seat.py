"""
Owns moving one customer's place from a class to another time, within the transaction of `reschedule`.

Leaves everything that is not shared by several customers to `reschedule`.
"""

from dataclasses import replace

from server.domain.appointment import Appointment
from server.domain.catalogue import Offer
from server.domain.errors import IllegalTransition, SlotTaken
from server.domain.events import Fact, Kind
from server.domain.lifecycle import Step, after
from server.domain.reminders import DEFAULT_RULES, plan_reminders
from server.store.appointments import write_step
from server.store.booking import move_attendee
from server.store.engine import Session
from server.usecases.book import as_appointment, new_appointment
from server.usecases.changing import check_in_time, check_movable, current, has_phone
from server.usecases.claiming import choose, seat_of
from server.usecases.core import Core
from server.usecases.once import Once
from server.usecases.places import Target


async def move_seat(
    core: Core, session: Session, target: Target, offers: list[Offer], start: int, *, once: Once[Appointment]
) -> Appointment:
    """The class that the attendee is in afterwards. The old one goes on without them, or ends with its last."""
    old, attendee = await current(session, target)
    assert attendee is not None, "a seat has somebody in it"
    check_movable(replace(target, appointment=old, attendee=attendee))
    check_in_time(session, target, old, attendee)
    if int(old.start.timestamp()) == start:
        raise IllegalTransition(status=old.status, wanted=Step.RESCHEDULE)
    choice = await choose(session, offers, start)
    service = choice.offer.service
    seat = await seat_of(session, choice, start)
    new = new_appointment(
        choice,
        start,
        uid=seat.uid if seat else None,
        status=after(Step.BOOK, seat.status if seat else None),
    )
    moved = replace(as_appointment(old.business, new, seat), business_name=old.business_name)
    written = await move_attendee(
        session,
        new,
        attendee.id,
        seat=seat,
        reminders=plan_reminders(
            service.reminders or DEFAULT_RULES, new.start, now=session.now, has_phone=has_phone(attendee)
        ),
        fact=Fact(
            kind=Kind.RESCHEDULED,
            appointment=str(new.uid),
            sequence=moved.sequence,
            actor=target.actor,
            start=new.start,
            previous_start=old.start,
            attendee=attendee.id,
        ),
        memo=once.memo(core.vault, moved),
        now=session.now,
    )
    if not written.owns(choice.resources):
        raise SlotTaken
    once.check(written.remembered)
    await _leave(session, old, attendee.id, target)
    return moved


async def _leave(session: Session, old: Appointment, attendee_id: int, target: Target) -> None:
    last = old.seats_taken <= 1
    await write_step(
        session,
        old,
        status=after(Step.CANCEL, old.status) if last else old.status,
        fact=Fact(
            kind=Kind.CANCELLED if last else Kind.ATTENDEE_LEFT,
            appointment=str(old.uid),
            sequence=old.sequence + (1 if last else 0),
            actor=target.actor,
            start=old.start,
            attendee=attendee_id,
        ),
        memo=None,
        frees=last,
        seats=1,
    )
