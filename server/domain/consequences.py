"""
Owns what follows from each step of an appointment, by who takes it: money, reminders, messages, free time, the log.

Leaves which states a step leads between to `lifecycle`, the words of the messages to `channels/messages`, and how much
a late cancellation costs to `policies`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from server.domain.events import Kind
from server.domain.lifecycle import Actor, Step


class MoneyBack(StrEnum):
    """What becomes of what was paid beforehand."""

    NONE = "none"
    """It stays paid."""
    LESS_FEE = "less the fee"
    ALL = "all"


class Reminders(StrEnum):
    """What becomes of the customers' and the provider's reminders."""

    KEPT = "kept"
    PLANNED = "planned"
    """For the time that it has now; those for another time are dropped."""
    DROPPED = "dropped"
    """Of those who are not in it any more."""


class Telling(NamedTuple):
    """The message for the customers that a fact is about, and the one for the provider; None for silence."""

    customer: str | None
    provider: str | None


class Consequence(NamedTuple):
    """Everything that a step by one kind of actor makes true besides the state."""

    fact: Kind
    """What webhooks, calendars and feeds hear of."""
    tells: Telling
    reminders: Reminders
    money_back: MoneyBack
    frees_time: bool = False
    """Whoever waits for the time it had is offered it."""
    reason: str = ""
    """What the log says where nobody gave a reason."""


_REQUESTED = Telling("requested", "requested")
_CONFIRMED = Telling("confirmed", "confirmed")
_APPROVED = Telling("approved", None)
_DECLINED = Telling("declined", None)
_MOVED = Telling("rescheduled", "rescheduled")
_CANCELLED = Telling("cancelled", "cancelled")
_EXPIRED = Telling("expired", "expired")
_NOBODY = Telling(None, None)
_KEPT, _PLANNED, _DROPPED = Reminders.KEPT, Reminders.PLANNED, Reminders.DROPPED
_NONE, _LATE, _ALL = MoneyBack.NONE, MoneyBack.LESS_FEE, MoneyBack.ALL

# fmt: off
CONSEQUENCES: Mapping[tuple[Step, Actor], Consequence] = {
    # step            by whom                      fact                is told     reminders money back
    (Step.BOOK,       Actor.CUSTOMER): Consequence(Kind.BOOKED,        _CONFIRMED, _PLANNED, _NONE),
    (Step.BOOK,       Actor.PROVIDER): Consequence(Kind.BOOKED,        _CONFIRMED, _PLANNED, _NONE),
    (Step.REQUEST,    Actor.CUSTOMER): Consequence(Kind.REQUESTED,     _REQUESTED, _PLANNED, _NONE),
    (Step.APPROVE,    Actor.PROVIDER): Consequence(Kind.APPROVED,      _APPROVED,  _KEPT,    _NONE),
    (Step.DECLINE,    Actor.PROVIDER): Consequence(Kind.DECLINED,      _DECLINED,  _DROPPED, _ALL, frees_time=True),
    (Step.RESCHEDULE, Actor.CUSTOMER): Consequence(Kind.RESCHEDULED,   _MOVED,     _PLANNED, _NONE, frees_time=True),
    (Step.RESCHEDULE, Actor.PROVIDER): Consequence(Kind.RESCHEDULED,   _MOVED,     _PLANNED, _NONE, frees_time=True),
    (Step.RESCHEDULE, Actor.CALENDAR): Consequence(Kind.RESCHEDULED,   _MOVED,     _PLANNED, _NONE, frees_time=True),
    (Step.ASK_AGAIN,  Actor.CUSTOMER): Consequence(Kind.MOVE_REQUESTED, _REQUESTED, _PLANNED, _NONE, frees_time=True),
    # Staff and the calendar move what is not approved yet: it stays a request, and the link in the first mail is over.
    (Step.ASK_AGAIN,  Actor.PROVIDER): Consequence(Kind.MOVE_REQUESTED, _REQUESTED, _PLANNED, _NONE, frees_time=True),
    (Step.ASK_AGAIN,  Actor.CALENDAR): Consequence(Kind.MOVE_REQUESTED, _REQUESTED, _PLANNED, _NONE, frees_time=True),
    # Classes are not paid beforehand: whoever leaves one has nothing to get back.
    (Step.LEAVE,      Actor.CUSTOMER): Consequence(Kind.ATTENDEE_LEFT, _CANCELLED, _DROPPED, _NONE, frees_time=True),
    (Step.LEAVE,      Actor.PROVIDER): Consequence(Kind.ATTENDEE_LEFT, _CANCELLED, _DROPPED, _NONE, frees_time=True),
    (Step.CANCEL,     Actor.CUSTOMER): Consequence(Kind.CANCELLED,     _CANCELLED, _DROPPED, _LATE, frees_time=True),
    # Staff charges a fee where they say so; without one, all of it goes back.
    (Step.CANCEL,     Actor.PROVIDER): Consequence(Kind.CANCELLED,     _CANCELLED, _DROPPED, _LATE, frees_time=True),
    (Step.CANCEL,     Actor.CALENDAR): Consequence(Kind.CANCELLED,     _CANCELLED, _DROPPED, _ALL, frees_time=True,
                                                   reason="Removed from the provider's calendar"),
    (Step.EXPIRE,     Actor.SYSTEM):   Consequence(Kind.EXPIRED,       _EXPIRED,   _DROPPED, _ALL, frees_time=True,
                                                   reason="Not answered before its time"),
    (Step.COMPLETE,   Actor.PROVIDER): Consequence(Kind.COMPLETED,     _NOBODY,    _KEPT,    _NONE),
    (Step.MISS,       Actor.PROVIDER): Consequence(Kind.NO_SHOW,       _NOBODY,    _KEPT,    _NONE),
}
# fmt: on
"""A step that is not here for an actor is not theirs to take; code that tries raises."""

_OF_FACTS: Mapping[tuple[str, str | None], Consequence] = {
    (follows.fact, actor): follows for (_, actor), follows in CONSEQUENCES.items()
}
_FACTS = frozenset(follows.fact for follows in CONSEQUENCES.values())


def consequence_of(step: Step, actor: Actor) -> Consequence:
    """What follows when *actor* takes *step*."""
    return CONSEQUENCES[step, actor]


def consequence_behind(kind: str, actor: str | None) -> Consequence | None:
    """What a fact of *kind* came from, *actor* being named in it; None if it tells of no step."""
    return _OF_FACTS[kind, actor] if kind in _FACTS else None
