"""
Owns paying at the counter: nothing to do before, and nothing to give back.

Leaves who may pay there to the service.
"""

from server.domain.payments import Seen
from server.payments.protocol import Bill, Checkout, Refund


class OnSite:
    """The customer pays when they come."""

    async def open(self, bill: Bill) -> Checkout:
        """Nothing is due now."""
        return Checkout(bill.reference, None)

    async def look(self, remote_id: str) -> Seen:
        """Nothing was paid to us."""
        return Seen(session="open", paid=False, reference=remote_id, amount_minor=0, currency="")

    async def close(self, remote_id: str) -> None:
        """Nothing is open."""

    async def refund(self, remote_id: str, *_: object, **__: object) -> Refund:
        """There is nothing to give back."""
        return Refund(remote_id=remote_id, state="done")

    async def look_at_refund(self, refund_id: str) -> Refund:
        """There was nothing to give back."""
        return Refund(remote_id=refund_id, state="done")
