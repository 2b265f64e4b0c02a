"""
Owns what staff does with an appointment, over HTTP.

Leaves doing it to the use-cases.
"""

from uuid import UUID

from aiohttp import web

from server.domain.appointment import Appointment
from server.domain.errors import NotFound
from server.domain.lifecycle import Step
from server.usecases.cancel import Cancelled, cancel
from server.usecases.decide import decide
from server.usecases.once import Once, Replay
from server.usecases.places import Target, target_of_staff
from server.usecases.reschedule import reschedule
from server.web.answers import as_json, json_answer, replayed
from server.web.keys import CALLER, CORE
from server.web.route import Handler, body_of, keyed
from server.web.shapes.appointments import (
    CancelAnswer,
    DecisionOrder,
    MoveAnswer,
    StaffCancelOrder,
    StaffRescheduleOrder,
)


def decision(step: Step) -> Handler:
    """The handler that takes *step*."""

    async def handle(request: web.Request) -> web.Response:
        once: Once[Appointment] = Once(keyed(request), 200, lambda decided: as_json(MoveAnswer.of(decided)))
        reason = body_of(request, DecisionOrder).reason
        result = await decide(request.app[CORE], await _target(request), step, once, reason=reason)
        return replayed(result) if isinstance(result, Replay) else json_answer(MoveAnswer.of(result))

    handle.__doc__ = f"Staff takes the step {step}."
    return handle


async def cancel_appointment(request: web.Request) -> web.Response:
    """Staff cancels the whole appointment; no window binds them."""
    once: Once[Cancelled] = Once(keyed(request), 200, lambda done: as_json(CancelAnswer.of(done)))
    order = body_of(request, StaffCancelOrder)
    result = await cancel(
        request.app[CORE], await _target(request), once, reason=order.reason, charges_fee=order.charge_fee
    )
    return replayed(result) if isinstance(result, Replay) else json_answer(CancelAnswer.of(result))


async def reschedule_appointment(request: web.Request) -> web.Response:
    """Staff moves the whole appointment."""
    order = body_of(request, StaffRescheduleOrder)
    target = await _target(request, override=order.override.reason if order.override else None)
    once: Once[Appointment] = Once(keyed(request), 200, lambda moved: as_json(MoveAnswer.of(moved)))
    result = await reschedule(request.app[CORE], target, order.start, once, provider=order.provider)
    return replayed(result) if isinstance(result, Replay) else json_answer(MoveAnswer.of(result))


async def _target(request: web.Request, *, override: str | None = None) -> Target:
    try:
        uid = UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(what="appointment") from None
    return await target_of_staff(request.app[CORE], request[CALLER].business_id, uid, override=override)
