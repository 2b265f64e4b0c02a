"""
Owns what every change of an appointment begins with: looking again, under its lock, and whether it is one at all.

Leaves the change to its neighbours.
"""

from collections.abc import Sequence

from server.domain.appointment import Appointment, Attendee
from server.domain.catalogue import Offer
from server.domain.errors import IllegalTransition, NotFound
from server.domain.lifecycle import CHANGEABLE, Step
from server.domain.policies import check_moving
from server.store.appointments import attendees_of, find_appointment, lock_appointment
from server.store.engine import Session
from server.store.idempotency import remember
from server.usecases.core import Core
from server.usecases.once import Once
from server.usecases.places import Target


async def current(session: Session, target: Target) -> tuple[Appointment, Attendee | None]:
    """
    The appointment and attendee as they are now, locked until the transaction ends.

    What was read when the request came in is taken only if nothing has changed since.

    Raises:
        NotFound: It is gone.
    """
    appointment, attendee = target.appointment, target.attendee
    locked = await lock_appointment(session, appointment)
    if locked is None:
        raise NotFound(what="appointment")
    if locked[1] == appointment.version:
        return appointment, attendee
    now = session.now
    found = await find_appointment(session, appointment.business_id, appointment.uid)
    assert found is not None, "it is locked"
    session.now = now
    fresh = found
    if attendee is None:
        return fresh, None
    everyone = (await attendees_of(session, fresh.business_id, [fresh.id]))[fresh.id]
    still_there = next((one for one in everyone if one.id == attendee.id), None)
    if still_there is None:
        raise NotFound(what="appointment")
    return fresh, still_there


def check_movable(target: Target) -> None:
    """
    Whether there is a step from here at all.

    Raises:
        IllegalTransition: There is none.
    """
    if target.appointment.status not in CHANGEABLE:
        raise IllegalTransition(status=target.appointment.status, wanted=Step.RESCHEDULE)
    if target.attendee is not None and target.attendee.cancelled_at is not None:
        raise IllegalTransition(status="cancelled", wanted=Step.RESCHEDULE)


def check_in_time(session: Session, target: Target, appointment: Appointment, attendee: Attendee | None) -> None:
    """
    Whether the attendee may still move, by the terms that they were shown when they booked.

    Raises:
        PolicyClosed: They are too late.
    """
    if attendee is not None:
        check_moving(attendee.terms, appointment.start, now=session.now, actor=target.actor)


def is_there_already(appointment: Appointment, offers: Sequence[Offer], start: int) -> bool:
    """Whether a move of *appointment* to *start*, with whoever makes one of *offers*, would change nothing."""
    return int(appointment.start.timestamp()) == start and any(
        (offer.provider.id, offer.location.slug) == (appointment.provider_id, appointment.location) for offer in offers
    )


async def stay(core: Core, session: Session, appointment: Appointment, *, once: Once[Appointment]) -> Appointment:
    """The answer to a move that changes nothing: nobody is told, and only the request's key is remembered."""
    once.check(await remember(session, appointment.business_id, once.memo(core.vault, appointment)))
    return appointment
