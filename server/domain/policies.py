"""
Owns until when a customer may change an appointment, and what it costs afterwards.

Leaves whether the new time is free to `rules`.
"""

from datetime import datetime
from enum import StrEnum

from server.domain.errors import NothingToCharge, PolicyClosed
from server.domain.lifecycle import Actor, Status
from server.domain.terms import Approval, Terms


class Unmovable(StrEnum):
    """Why a customer cannot move an appointment."""

    OVER = "over"
    """It took place, or does not."""
    TOO_LATE = "too-late"
    NOT_OFFERED = "not-offered"
    """It can still be cancelled, if it is not too late."""


def fee_for_cancelling(terms: Terms, start: datetime, *, now: datetime, actor: Actor, accepts_fee: bool) -> int:
    """
    What cancelling costs the customer now, in minor units.

    Nobody but the customer is bound by the window; a customer who is late pays, and only if they said so.

    Raises:
        PolicyClosed: Too late, and the fee was not accepted or there is none.
    """
    if actor is not Actor.CUSTOMER or now <= terms.closes_at(start):
        return 0
    if terms.cancel_fee_minor and accepts_fee and now < start:
        return terms.cancel_fee_minor
    raise PolicyClosed(
        closed_at=terms.closes_at(start),
        fee_minor=terms.cancel_fee_minor if now < start else 0,
        currency=terms.currency,
    )


def fee_to_charge(terms: Terms, start: datetime, *, now: datetime) -> int:
    """
    What staff may charge for a cancellation now, in minor units: what the customer agreed to, and no more.

    Raises:
        NothingToCharge: They agreed to no fee, or cancelling is still free.
    """
    if not terms.cancel_fee_minor:
        raise NothingToCharge(free_until=None)
    if now <= terms.closes_at(start):
        raise NothingToCharge(free_until=terms.closes_at(start))
    return terms.cancel_fee_minor


def check_moving(terms: Terms, start: datetime, *, now: datetime, actor: Actor) -> None:
    """
    Moving is free within the window and not possible after it.

    Raises:
        PolicyClosed: The customer is too late.
    """
    if actor is Actor.CUSTOMER and now > terms.closes_at(start):
        raise PolicyClosed(closed_at=terms.closes_at(start), fee_minor=0, currency=terms.currency)


def asks_again(terms: Terms, status: Status, *, actor: Actor, reapproval: bool) -> bool:
    """
    Whether a move needs a yes of its own: an approval covers the time that it was given for.

    What was asked for and not yet approved is a request still, whoever moves it; who booked without approval moves
    without it, and so does staff what is approved.

    Args:
        reapproval: The service asks for approval now, and for that of moves.
    """
    if status is Status.PENDING:
        return True
    return actor is Actor.CUSTOMER and reapproval and terms.approval is Approval.MANUAL
