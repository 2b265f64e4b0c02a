"""
Owns paying at the counter: nothing to do before, and nothing to give back.

Leaves who may pay there to the service.
"""

from server.payments.protocol import Bill, Checkout, Paid


class OnSite:
    """The customer pays when they come."""

    async def open(self, bill: Bill) -> Checkout:
        """Nothing is due now."""
        return Checkout(bill.reference, None)

    async def check(self, remote_id: str) -> Paid:
        """Nothing was paid to us."""
        return Paid(is_paid=False, reference=remote_id, amount_minor=0, currency="")

    async def refund(self, remote_id: str, amount_minor: int, *, reference: str) -> None:
        """There is nothing to give back."""
