"""
Owns what is asked of a way to pay.

Leaves when to ask to `usecases/payments`. Amounts are in the currency's smallest unit, and always ours: no client
names one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What is to be paid, and what the payer sees of it."""

    reference: str
    """Our id of the payment: comes back with every answer."""
    amount_minor: int
    currency: str
    description: str
    customer_email: str
    return_url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Checkout:
    """A payment that was begun: the provider's id of it, and where the customer pays; None if not now."""

    remote_id: str
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """What the provider says about a payment."""

    is_paid: bool
    reference: str
    amount_minor: int
    currency: str
    """Three capital letters."""


class PaymentMethod(Protocol):
    """A way to pay. Every call has an end; what cannot be reached raises `Unavailable`."""

    async def open(self, bill: Bill) -> Checkout:
        """Begins a payment; the same reference twice begins one."""

    async def check(self, remote_id: str) -> Paid:
        """What became of it, asked of the provider itself."""

    async def refund(self, remote_id: str, amount_minor: int, *, reference: str) -> None:
        """Gives so much of it back; the same reference twice gives it back once."""
