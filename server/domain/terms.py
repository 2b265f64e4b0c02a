"""
Owns the terms of a booking: what a customer was shown, and what is kept of it from the hold on.

Leaves what they mean for cancelling and moving to `policies`, and what is offered now to `catalogue`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Approval(StrEnum):
    """Whether a booking is true at once, or a request that the provider approves."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was shown and promised. Two that are equal promise the same."""

    price_minor: int
    """In the currency's minor unit."""
    currency: str
    duration_s: int
    change_window_min: int
    """Cancelling and moving are free until so many minutes before the start."""
    cancel_fee_minor: int
    """What a later cancellation costs, in the currency's minor unit. 0: later is not possible online."""
    approval: Approval

    def closes_at(self, start: datetime) -> datetime:
        """The last moment at which a change of an appointment at *start* is free."""
        return start - timedelta(minutes=self.change_window_min)
