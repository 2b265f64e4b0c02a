"""
Owns the deliveries that are work of our own: giving freed time to whoever waits for it, and returning money.

Leaves the work to the use-cases; here it gets what messages get: once, with retries, and a place in the ledger.
"""

from collections.abc import Callable, Mapping
from uuid import UUID

from server.channels.outcome import Outcome, Verdict
from server.payments.protocol import PaymentMethod
from server.store.deliveries import Delivery
from server.store.letters import Letter
from server.usecases.core import Core
from server.usecases.payments import refund
from server.usecases.waitlist import offer_freed


class OfferFreedTime:
    """Somebody gave up a time: the first who waits for it is offered it."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def __call__(self, delivery: Delivery, _letter: Letter, _may_send: Callable[[], bool]) -> Outcome:
        offered = await offer_freed(self._core, delivery.business_id)
        return Outcome(verdict=Verdict.SENT, detail=f"{offered} offers")


class ReturnMoney:
    """A payment whose time was gone, or whose appointment was cancelled, goes back."""

    def __init__(self, core: Core, methods: Mapping[str, PaymentMethod]) -> None:
        self._core = core
        self._methods = methods

    async def __call__(self, delivery: Delivery, _letter: Letter, _may_send: Callable[[], bool]) -> Outcome:
        await refund(self._core, self._methods, delivery.business_id, UUID(delivery.payload["payment"]))
        return Outcome(verdict=Verdict.SENT, detail="returned")
