"""
Owns what staff decides about an appointment: approve or decline a request; say afterwards whether it took place.

Leaves cancelling to `cancel`.
"""

from dataclasses import replace

from server.domain.appointment import Appointment
from server.domain.errors import IllegalTransition
from server.domain.events import Fact, Kind
from server.domain.lifecycle import Status, Step, after
from server.store.appointments import write_step
from server.store.engine import Session
from server.usecases.changing import current
from server.usecases.core import Core
from server.usecases.once import Once, Replay
from server.usecases.places import Target

_FACTS = {
    Step.APPROVE: Kind.APPROVED,
    Step.DECLINE: Kind.DECLINED,
    Step.COMPLETE: Kind.COMPLETED,
    Step.MISS: Kind.NO_SHOW,
}
_ONLY_AFTERWARDS = frozenset({Step.COMPLETE, Step.MISS})
_CORRECTED = {Step.COMPLETE: Status.NO_SHOW, Step.MISS: Status.COMPLETED}


async def decide(
    core: Core, target: Target, step: Step, once: Once[Appointment], *, reason: str = ""
) -> Appointment | Replay:
    """
    Takes *step*: approve, decline, complete or miss.

    A request owns its time from the moment it is made, so approving one needs no second look at the calendar.

    Raises:
        IllegalTransition: The appointment is not in a state for it, or has not begun.
    """

    async def work(session: Session) -> Appointment:
        appointment, _ = await current(session, target)
        if step in _ONLY_AFTERWARDS and session.now < appointment.start:
            raise IllegalTransition(status=appointment.status, wanted=step)
        taken = Step.CORRECT if _CORRECTED.get(step) is appointment.status else step
        status = after(taken, appointment.status)
        decided = replace(appointment, status=status)
        remembered = await write_step(
            session,
            appointment,
            status=status,
            fact=Fact(
                kind=_FACTS[step],
                appointment=str(appointment.uid),
                sequence=appointment.sequence,
                actor=target.actor,
                start=appointment.start,
                reason=reason,
            ),
            memo=once.memo(core.vault, decided),
            ends=step is Step.DECLINE,
            frees=step is Step.DECLINE,
            seats=appointment.seats_taken if step is Step.DECLINE else 0,
        )
        once.check(remembered)
        return decided

    result = await once.run(core.database, core.vault, target.appointment.business_id, work)
    if step is Step.DECLINE and isinstance(result, Appointment):
        await core.changes.announce(result.business, None, result.start)
    return result
