"""
Owns taking one step of an appointment that stays at its time, with everything that `domain/consequences` says follows.

Leaves who may ask for it, and until when, to the use-cases; booking and moving to `book` and `reschedule`.
"""

from dataclasses import replace

from server.domain.appointment import Appointment, Attendee
from server.domain.consequences import MoneyBack, Reminders, consequence_of
from server.domain.events import Fact, Kind
from server.domain.lifecycle import OWNS_TIME, Actor, Step, after
from server.store.appointments import write_step
from server.store.engine import Session
from server.store.idempotency import Memo
from server.store.outbox import add_fact
from server.store.payments import return_of_cancelled


def after_step(appointment: Appointment, step: Step) -> Appointment:
    """
    *appointment* as it will be; whoever has it in their calendar must see a higher number where it ends.

    Raises:
        IllegalTransition: It is in no state for *step*.
    """
    status = after(step, appointment.status)
    ended = status not in OWNS_TIME
    left = 0 if ended else appointment.seats_taken - (step is Step.LEAVE)
    return replace(
        appointment,
        status=status,
        sequence=appointment.sequence + ended,
        version=appointment.version + 1,
        seats_taken=left,
    )


async def take_step(
    session: Session,
    appointment: Appointment,
    step: Step,
    actor: Actor,
    *,
    attendee: Attendee | None = None,
    reason: str = "",
    fee_minor: int = 0,
    tells: bool = True,
    memo: Memo | None = None,
) -> int:
    """
    Writes *step* and what follows from it; how many records were remembered. The caller holds the appointment's lock.

    Args:
        attendee: Whoever it is about, where it is not about all.
        reason: As somebody gave it, for those who are told and for the log.
        fee_minor: What it costs the customer.
        tells: False sends no mails about it.
    """
    follows = consequence_of(step, actor)
    stepped = after_step(appointment, step)
    remembered = await write_step(
        session,
        appointment,
        status=stepped.status,
        fact=Fact(
            kind=follows.fact,
            appointment=str(appointment.uid),
            sequence=stepped.sequence,
            actor=actor,
            start=appointment.start,
            attendee=attendee.id if attendee else None,
            reason=reason,
            quiet=not tells,
        ),
        memo=memo,
        reason=reason or follows.reason,
        leaves=follows.reminders is Reminders.DROPPED,
        attendee_id=attendee.id if attendee and stepped.seats_taken else None,
        seats=appointment.seats_taken - stepped.seats_taken,
        fee_minor=fee_minor,
    )
    if follows.money_back is not MoneyBack.NONE:
        kept = fee_minor if follows.money_back is MoneyBack.LESS_FEE else 0
        await _return_payment(session, appointment, kept)
    return remembered


async def _return_payment(session: Session, appointment: Appointment, fee_minor: int) -> None:
    """What was paid beforehand goes back, less the fee; the worker does it."""
    paid = await return_of_cancelled(session, appointment.business_id, appointment.id, fee_minor)
    if paid is not None:
        await add_fact(session, appointment.business_id, Kind.PAYMENT_RETURNING, {"v": 1, "payment": str(paid)})
