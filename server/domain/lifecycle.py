"""
Owns the states of an appointment and every step that is allowed between them.

Leaves until when a customer may ask for a step to `policies`, who may take it and what follows to `consequences`.
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
    EXPIRED = "expired"
    """A request that nobody answered before its time."""


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
    ASK_AGAIN = "ask_again"
    LEAVE = "leave"
    CANCEL = "cancel"
    EXPIRE = "expire"
    COMPLETE = "complete"
    MISS = "miss"


TRANSITIONS: dict[Step, dict[Status | None, Status]] = {
    # step            from -> to; None is "does not exist yet"
    Step.BOOK: {None: Status.CONFIRMED, Status.HELD: Status.CONFIRMED, Status.CONFIRMED: Status.CONFIRMED},
    Step.REQUEST: {None: Status.PENDING, Status.HELD: Status.PENDING},
    Step.APPROVE: {Status.PENDING: Status.CONFIRMED},
    Step.DECLINE: {Status.PENDING: Status.DECLINED},
    Step.RESCHEDULE: {Status.CONFIRMED: Status.CONFIRMED},
    # A move that needs a yes of its own: an approval covers the time that it was given for, and so does a request.
    Step.ASK_AGAIN: {Status.CONFIRMED: Status.PENDING, Status.PENDING: Status.PENDING},
    # One customer of a class that goes on with the others.
    Step.LEAVE: {Status.CONFIRMED: Status.CONFIRMED},
    Step.CANCEL: {
        Status.HELD: Status.CANCELLED,
        Status.PENDING: Status.CANCELLED,
        Status.CONFIRMED: Status.CANCELLED,
    },
    Step.EXPIRE: {Status.HELD: Status.CANCELLED, Status.PENDING: Status.EXPIRED},
    # Each undoes the other: a slip at the front desk must not stay for ever.
    Step.COMPLETE: {Status.CONFIRMED: Status.COMPLETED, Status.NO_SHOW: Status.COMPLETED},
    Step.MISS: {Status.CONFIRMED: Status.NO_SHOW, Status.COMPLETED: Status.NO_SHOW},
}

OWNS_TIME = frozenset({Status.HELD, Status.PENDING, Status.CONFIRMED, Status.COMPLETED, Status.NO_SHOW})
"""States in which the claims stay: an appointment that took place keeps its time."""

ENDED = (Status.CANCELLED, Status.DECLINED, Status.EXPIRED)
"""States in which it does not take place."""

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
