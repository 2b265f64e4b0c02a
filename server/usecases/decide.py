"""
Owns what staff decides about an appointment: approve or decline a request; say afterwards whether it took place.

Leaves cancelling to `cancel`.
"""

from server.domain.appointment import Appointment
from server.domain.errors import IllegalTransition, TooEarly
from server.domain.lifecycle import OWNS_TIME, Status, Step, after
from server.store.engine import Session
from server.usecases.changing import current
from server.usecases.core import Core
from server.usecases.once import Once, Replay
from server.usecases.places import Target
from server.usecases.steps import after_step, take_step

_ONLY_AFTERWARDS = frozenset({Step.COMPLETE, Step.MISS})


async def decide(
    core: Core, target: Target, step: Step, once: Once[Appointment], *, reason: str = ""
) -> Appointment | Replay:
    """
    Takes *step*: approve, decline, complete or miss.

    A request owns its time from the moment it is made, so approving one needs no second look at the calendar.

    Raises:
        IllegalTransition: The appointment is not in a state for it, or began before it was approved.
        TooEarly: It has not begun.
    """

    async def work(session: Session) -> Appointment:
        appointment, _ = await current(session, target)
        if step in _ONLY_AFTERWARDS and session.now < appointment.start:
            after(step, appointment.status)
            raise TooEarly(begins_at=appointment.start)
        if step is Step.APPROVE and session.now >= appointment.start:  # the sweep has not come by yet
            raise IllegalTransition(status=Status.EXPIRED, wanted=step)
        decided = after_step(appointment, step)
        remembered = await take_step(
            session, appointment, step, target.actor, reason=reason, memo=once.memo(core.vault, decided)
        )
        once.check(remembered)
        return decided

    result = await once.run(core.database, core.vault, target.appointment.business_id, work)
    if isinstance(result, Appointment) and result.status not in OWNS_TIME:
        await core.changes.announce(result.business, None, result.start)
    return result
