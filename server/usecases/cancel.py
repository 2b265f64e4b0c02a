"""
Owns ending an appointment before it takes place: by the customer, by staff; all of it or one place in a class.

Leaves moving it to `reschedule`.
"""

from dataclasses import dataclass

from server.domain.appointment import Appointment, Attendee
from server.domain.errors import IllegalTransition, NothingToCharge
from server.domain.lifecycle import Status, Step, after
from server.domain.policies import fee_for_cancelling, fee_to_charge
from server.store.appointments import attendees_of
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
    charges_fee: bool = False,
    tells: bool = True,
) -> Cancelled | Replay:
    """
    Cancels the customer's place, or for staff the whole appointment, or the place that they name.

    Args:
        accepts_fee: The customer says yes to what a late cancellation costs.
        charges_fee: Staff takes it, because the customer was late.
        tells: False sends no mails about it.

    Raises:
        PolicyClosed: The customer is too late, or has to accept the fee.
        NothingToCharge: See `fee_to_charge`.
        IllegalTransition: It is over already.
    """

    wish = _Wish(target, once, reason, accepts_fee, charges_fee, tells)

    async def work(session: Session) -> Cancelled:
        return await _cancel_one(core, session, wish)

    result = await once.run(core.database, core.vault, target.appointment.business_id, work)
    if isinstance(result, Cancelled):
        await core.changes.announce(target.appointment.business, None, target.appointment.start)
    return result


@dataclass(frozen=True, slots=True)
class _Wish:
    """Everything that `cancel` was asked for."""

    target: Target
    once: Once[Cancelled]
    reason: str
    accepts_fee: bool
    charges_fee: bool
    tells: bool


async def _cancel_one(core: Core, session: Session, wish: _Wish) -> Cancelled:
    target, once = wish.target, wish.once
    appointment, attendee = await current(session, target)
    if attendee is not None and attendee.cancelled_at is not None:
        raise IllegalTransition(status=Status.CANCELLED, wanted=Step.CANCEL)
    after(Step.CANCEL, appointment.status)
    if wish.charges_fee and attendee is None:
        attendee = await _only_one(session, appointment)
    fee = _fee(session, wish, appointment, attendee)
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
        reason=wish.reason,
        fee_minor=fee,
        tells=wish.tells,
        memo=once.memo(core.vault, result),
    )
    once.check(remembered)
    return result


async def _only_one(session: Session, appointment: Appointment) -> Attendee:
    """
    The one customer of *appointment*.

    Raises:
        NothingToCharge: There are several, each with terms of their own.
    """
    everyone = (await attendees_of(session, appointment.business_id, [appointment.id]))[appointment.id]
    there = [attendee for attendee in everyone if attendee.cancelled_at is None]
    if len(there) != 1:
        raise NothingToCharge(free_until=None)
    return there[0]


def _fee(session: Session, wish: _Wish, appointment: Appointment, attendee: Attendee | None) -> int:
    """What cancelling costs the attendee, by the terms that they were shown when they booked."""
    if attendee is None:
        return 0
    if wish.charges_fee:
        return fee_to_charge(attendee.terms, appointment.start, now=session.now)
    return fee_for_cancelling(
        attendee.terms,
        appointment.start,
        now=session.now,
        actor=wish.target.actor,
        accepts_fee=wish.accepts_fee,
    )
