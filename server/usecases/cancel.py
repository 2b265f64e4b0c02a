"""
Owns ending an appointment before it takes place: by the customer, by staff; all of it or one place in a class.

Leaves moving it to `reschedule`.
"""

from dataclasses import dataclass, replace

from server.domain.appointment import Appointment, Attendee
from server.domain.errors import IllegalTransition
from server.domain.events import Fact, Kind
from server.domain.lifecycle import Status, Step, after
from server.domain.policies import fee_for_cancelling
from server.store.appointments import write_step
from server.store.engine import Session
from server.store.outbox import add_fact
from server.store.payments import return_of_cancelled
from server.usecases.changing import current
from server.usecases.core import Core
from server.usecases.once import Once, Replay
from server.usecases.places import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """What was cancelled, and what it costs."""

    appointment: Appointment
    fee_minor: int
    currency: str | None
    """Of the fee; None where no customer cancelled."""


async def cancel(
    core: Core, target: Target, once: Once[Cancelled], *, reason: str = "", accepts_fee: bool = False
) -> Cancelled | Replay:
    """
    Cancels the customer's place, or for staff the whole appointment.

    Raises:
        PolicyClosed: The customer is too late, or has to accept the fee.
        IllegalTransition: It is over already.
    """

    async def work(session: Session) -> Cancelled:
        return await _cancel_one(core, session, target, once, reason, accepts_fee=accepts_fee)

    result = await once.run(core.database, core.vault, target.appointment.business_id, work)
    if isinstance(result, Cancelled):
        await core.changes.announce(target.appointment.business, None, target.appointment.start)
    return result


async def _cancel_one(
    core: Core, session: Session, target: Target, once: Once[Cancelled], reason: str, *, accepts_fee: bool
) -> Cancelled:
    appointment, attendee = await current(session, target)
    if attendee is not None and attendee.cancelled_at is not None:
        raise IllegalTransition(status=Status.CANCELLED, wanted=Step.CANCEL)
    ended = after(Step.CANCEL, appointment.status)
    fee = _fee(session, target, appointment, attendee, accepts_fee=accepts_fee)
    # A class goes on without the one who leaves, unless they were the last.
    stays = attendee is not None and appointment.seats_taken > 1
    seats = 1 if attendee is not None else appointment.seats_taken
    fact = Fact(
        kind=Kind.ATTENDEE_LEFT if stays else Kind.CANCELLED,
        appointment=str(appointment.uid),
        sequence=appointment.sequence + (0 if stays else 1),
        actor=target.actor,
        start=appointment.start,
        attendee=attendee.id if attendee else None,
        reason=reason,
    )
    result = Cancelled(
        appointment=replace(
            appointment,
            status=appointment.status if stays else ended,
            sequence=fact.sequence,
            seats_taken=appointment.seats_taken - seats,
        ),
        fee_minor=fee,
        currency=attendee.terms.currency if attendee is not None else None,
    )
    remembered = await write_step(
        session,
        appointment,
        status=result.appointment.status,
        fact=fact,
        memo=once.memo(core.vault, result),
        ends=True,
        frees=not stays,
        attendee_id=attendee.id if stays and attendee else None,
        seats=seats,
        fee_minor=fee,
    )
    once.check(remembered)
    if not stays:
        await _return_payment(session, appointment, fee)
    return result


def _fee(
    session: Session, target: Target, appointment: Appointment, attendee: Attendee | None, *, accepts_fee: bool
) -> int:
    """What cancelling costs the attendee, by the terms that they were shown when they booked."""
    if attendee is None:
        return 0
    return fee_for_cancelling(
        attendee.terms, appointment.start, now=session.now, actor=target.actor, accepts_fee=accepts_fee
    )


async def _return_payment(session: Session, appointment: Appointment, fee_minor: int) -> None:
    """What was paid beforehand goes back, less the fee; the worker does it."""
    paid = await return_of_cancelled(session, appointment.business_id, appointment.id, fee_minor)
    if paid is not None:
        await add_fact(session, appointment.business_id, Kind.PAYMENT_RETURNING, {"v": 1, "payment": str(paid)})
