"""
Owns the deliveries that are work of our own: giving freed time to whoever waits for it, and returning money.

Leaves the work to the use-cases; here it gets what messages get: once, with retries, and a place in the ledger.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from uuid import UUID

from server.channels.outcome import Outcome, Verdict
from server.domain.backoff import next_try
from server.payments.errors import ProviderError, ProviderRefused
from server.payments.protocol import PaymentMethod
from server.store.deliveries import Delivery
from server.store.letters import Letter
from server.usecases.core import Core
from server.usecases.offer_freed import offer_freed
from server.usecases.refunds import give_up_refund, refund
from server.worker.pump import NotSent

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_MOST_REMEMBERED = 10_000


class OfferFreedTime:
    """Somebody gave up a time, or the business opened some: the first who waits for it is offered it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._looked: dict[int, datetime] = {}

    async def __call__(self, delivery: Delivery, letter: Letter, may_send: Callable[[], bool]) -> Outcome:
        """
        One look at the whole waitlist of the business.

        Raises:
            NotSent: Somebody has looked since this time was freed: twenty that are freed at once take one look.
        """
        business_id, begun = delivery.business_id, letter.now
        if self._looked.get(business_id, _LONG_AGO) > delivery.created_at:
            raise NotSent("looked at since")
        looked = await offer_freed(self._core, business_id)
        while looked.stopped_after is not None and may_send():
            looked = await offer_freed(self._core, business_id, after=looked.stopped_after)
        if len(self._looked) >= _MOST_REMEMBERED:
            self._looked.clear()
        self._looked[business_id] = begun
        return Outcome(verdict=Verdict.SENT, detail=f"{looked.offers} offers")


class ReturnMoney:
    """A payment whose time was gone, or whose appointment was cancelled, goes back."""

    def __init__(self, core: Core, methods: Mapping[str, PaymentMethod]) -> None:
        self._core = core
        self._methods = methods

    async def __call__(self, delivery: Delivery, _letter: Letter, _may_send: Callable[[], bool]) -> Outcome:
        """One attempt; whatever is final is told to a person by the payment's own state."""
        uid = UUID(delivery.payload["payment"])
        try:
            done = await refund(self._core, self._methods, delivery.business_id, uid)
        except ProviderRefused as error:
            return Outcome(verdict=Verdict.REFUSED, detail=str(error))
        except ProviderError as error:
            if next_try(delivery.tries + 1, key=str(delivery.uid)) is None:
                await give_up_refund(self._core, delivery.business_id, uid, f"Tried for days: {error}")
            wait = getattr(error, "retry_after_s", None)
            return Outcome(verdict=Verdict.RETRY, detail=str(error), retry_after_s=wait, peer_trouble=True)
        return Outcome(verdict=Verdict.SENT, detail=done)
