"""
Owns the states of an appointment and every step that is allowed between them.

Leaves who may ask for a step, and until when, to `policies`.
"""

from enum import StrEnum

from server.domain.errors import IllegalTransition


class Status(StrEnum):
    """Where an appointment is in its life."""

    HELD = "held"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    DECLINED = "declined"


class Actor(StrEnum):
    """Who took a step."""

    CUSTOMER = "customer"
    PROVIDER = "provider"
    SYSTEM = "system"
    CALENDAR = "calendar"


class Step(StrEnum):
    """What is done to an appointment."""

    BOOK = "book"
    REQUEST = "request"
    APPROVE = "approve"
    DECLINE = "decline"
    RESCHEDULE = "reschedule"
    CANCEL = "cancel"
    EXPIRE = "expire"
    COMPLETE = "complete"
    MISS = "miss"
    CORRECT = "correct"


TRANSITIONS: dict[Step, dict[Status | None, Status]] = {
    # step            from -> to; None is "does not exist yet"
    Step.BOOK: {None: Status.CONFIRMED, Status.HELD: Status.CONFIRMED, Status.CONFIRMED: Status.CONFIRMED},
    Step.REQUEST: {None: Status.PENDING, Status.HELD: Status.PENDING},
    Step.APPROVE: {Status.PENDING: Status.CONFIRMED},
    Step.DECLINE: {Status.PENDING: Status.DECLINED},
    Step.RESCHEDULE: {Status.CONFIRMED: Status.CONFIRMED, Status.PENDING: Status.PENDING},
    Step.CANCEL: {
        Status.HELD: Status.CANCELLED,
        Status.PENDING: Status.CANCELLED,
        Status.CONFIRMED: Status.CANCELLED,
    },
    Step.EXPIRE: {Status.HELD: Status.CANCELLED},
    Step.COMPLETE: {Status.CONFIRMED: Status.COMPLETED},
    Step.MISS: {Status.CONFIRMED: Status.NO_SHOW},
    # A slip at the front desk must not stay for ever.
    Step.CORRECT: {Status.COMPLETED: Status.NO_SHOW, Status.NO_SHOW: Status.COMPLETED},
}

OWNS_TIME = frozenset({Status.HELD, Status.PENDING, Status.CONFIRMED, Status.COMPLETED, Status.NO_SHOW})
"""States in which the claims stay: an appointment that took place keeps its time."""

CHANGEABLE = frozenset({Status.PENDING, Status.CONFIRMED})
"""States in which a customer may still cancel or move it."""


def after(step: Step, status: Status | None) -> Status:
    """
    The state that *step* leads to from *status*.

    Raises:
        IllegalTransition: The table has no such step.
    """
    try:
        return TRANSITIONS[step][status]
    except KeyError:
        raise IllegalTransition(status=status or "new", wanted=step) from None
