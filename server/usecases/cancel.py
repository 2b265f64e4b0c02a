"""
Owns ending an appointment before it takes place: by the customer, by staff; all of it or one place in a class.

Leaves moving it to `reschedule`.
"""

from dataclasses import dataclass

from server.domain.appointment import Appointment, Attendee
from server.domain.errors import IllegalTransition
from server.domain.lifecycle import Status, Step, after
from server.domain.policies import fee_for_cancelling
from server.store.engine import Session
from server.usecases.changing import current
from server.usecases.core import Core
from server.usecases.once import Once, Replay
from server.usecases.places import Target
from server.usecases.steps import after_step, take_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """What was cancelled, and what it costs."""

    appointment: Appointment
    fee_minor: int
    currency: str | None
    """Of the fee; None where no customer cancelled."""


async def cancel(
    core: Core,
    target: Target,
    once: Once[Cancelled],
    *,
    reason: str = "",
    accepts_fee: bool = False,
    tells: bool = True,
) -> Cancelled | Replay:
    """
    Cancels the customer's place, or for staff the whole appointment, or the place that they name.

    Args:
        tells: False sends no mails about it.

    Raises:
        PolicyClosed: The customer is too late, or has to accept the fee.
        IllegalTransition: It is over already.
    """

    async def work(session: Session) -> Cancelled:
        return await _cancel_one(core, session, target, once, reason, accepts_fee=accepts_fee, tells=tells)

    result = await once.run(core.database, core.vault, target.appointment.business_id, work)
    if isinstance(result, Cancelled):
        await core.changes.announce(target.appointment.business, None, target.appointment.start)
    return result


async def _cancel_one(
    core: Core,
    session: Session,
    target: Target,
    once: Once[Cancelled],
    reason: str,
    *,
    accepts_fee: bool,
    tells: bool,
) -> Cancelled:
    appointment, attendee = await current(session, target)
    if attendee is not None and attendee.cancelled_at is not None:
        raise IllegalTransition(status=Status.CANCELLED, wanted=Step.CANCEL)
    after(Step.CANCEL, appointment.status)
    fee = _fee(session, target, appointment, attendee, accepts_fee=accepts_fee)
    # A class goes on without the one who leaves, unless they were the last.
    step = Step.LEAVE if attendee is not None and appointment.seats_taken > 1 else Step.CANCEL
    result = Cancelled(
        appointment=after_step(appointment, step),
        fee_minor=fee,
        currency=attendee.terms.currency if attendee is not None else None,
    )
    remembered = await take_step(
        session,
        appointment,
        step,
        target.actor,
        attendee=attendee,
        reason=reason,
        fee_minor=fee,
        tells=tells,
        memo=once.memo(core.vault, result),
    )
    once.check(remembered)
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
