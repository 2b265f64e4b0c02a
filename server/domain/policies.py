"""
Owns until when a customer may change an appointment, and what it costs afterwards.

Leaves whether the new time is free to `rules`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from server.domain.errors import PolicyClosed
from server.domain.lifecycle import Actor


@dataclass(frozen=True, slots=True)
class ChangePolicy:
    """A service's terms for cancelling and moving."""

    window_min: int
    """Free of charge until so many minutes before the start."""
    fee_minor: int
    """What a later cancellation costs, in the currency's minor unit. 0: later is not possible online."""
    currency: str

    def closes_at(self, start: datetime) -> datetime:
        """The last moment at which a change is free."""
        return start - timedelta(minutes=self.window_min)


def fee_for_cancelling(policy: ChangePolicy, start: datetime, *, now: datetime, actor: Actor, accepts_fee: bool) -> int:
    """
    What cancelling costs the customer now, in minor units.

    Nobody but the customer is bound by the window; a customer who is late pays, and only if they said so.

    Raises:
        PolicyClosed: Too late, and the fee was not accepted or the policy has none.
    """
    if actor is not Actor.CUSTOMER or now <= policy.closes_at(start):
        return 0
    if policy.fee_minor and accepts_fee and now < start:
        return policy.fee_minor
    raise PolicyClosed(
        closed_at=policy.closes_at(start), fee_minor=policy.fee_minor if now < start else 0, currency=policy.currency
    )


def check_moving(policy: ChangePolicy, start: datetime, *, now: datetime, actor: Actor) -> None:
    """
    Moving is free within the window and not possible after it.

    Raises:
        PolicyClosed: The customer is too late.
    """
    if actor is Actor.CUSTOMER and now > policy.closes_at(start):
        raise PolicyClosed(closed_at=policy.closes_at(start), fee_minor=0, currency=policy.currency)
