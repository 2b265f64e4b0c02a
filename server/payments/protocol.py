"""
Owns what is asked of a way to pay.

Leaves when to ask to `usecases/payments`, and in which ways it may fail to `errors`. Amounts are in the currency's
smallest unit (ISO 4217), and always ours: no client names one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from server.domain.payments import Seen


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
    """A payment that was begun: the provider's id of it, and where the customer pays; None once they have."""

    remote_id: str
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money on its way back."""

    remote_id: str
    state: Literal["pending", "done", "failed"]
    detail: str = ""


class PaymentMethod(Protocol):
    """A way to pay. Every call has an end, and raises a `ProviderError` where it does not say yes."""

    async def open(self, bill: Bill) -> Checkout:
        """Begins a payment; the same reference twice begins one."""

    async def look(self, remote_id: str) -> Seen:
        """What became of it, asked of the provider itself."""

    async def close(self, remote_id: str) -> None:
        """Nobody can pay it any more; one that was paid, or is closed, stays as it is."""

    async def refund(self, remote_id: str, amount_minor: int | None, currency: str, *, reference: str) -> Refund:
        """
        Gives so much of it back; the same reference twice gives it back once.

        Args:
            amount_minor: None for all that is left.
        """

    async def look_at_refund(self, refund_id: str) -> Refund:
        """What became of a refund."""
