"""
Owns paying through Stripe Checkout, with Stripe's own library.

Leaves what a payment is for to `usecases/payments`, amounts to `stripe_amounts`, the calls that Stripe makes to
`stripe_events`, and what its errors mean to `stripe_errors`.
"""

import time
from collections.abc import Mapping
from typing import Any, Literal

import stripe

from server.domain.payments import Seen
from server.payments.errors import ProviderRefused
from server.payments.protocol import Bill, Checkout, Refund
from server.payments.stripe_amounts import from_stripe, to_stripe
from server.payments.stripe_errors import ask
from server.payments.stripe_http import CallByCall
from server.settings import PaymentSettings

_LEAST_LIFE_S = 1_800 + 120
"""Stripe lets a session live for half an hour at least, by its own clock and when the request arrives."""
_LONGEST_LIFE_S = 86_400 - 120
_LONGEST_NAME = 250
_REFUND_STATES: Mapping[str, Literal["pending", "done", "failed"]] = {
    "succeeded": "done",
    "pending": "pending",
    "requires_action": "pending",
    "failed": "failed",
    "canceled": "failed",
}
_LOST = frozenset({"requires_payment_method", "canceled"})
"""States of a payment intent whose session is complete, and whose money will not come."""


class StripeCheckout:
    """A Checkout Session per payment."""

    def __init__(self, settings: PaymentSettings) -> None:
        assert settings.stripe_key is not None
        self._client = stripe.StripeClient(
            settings.stripe_key.get_secret_value(),
            base_addresses={"api": settings.stripe_url},
            http_client=CallByCall(),
            max_network_retries=1,
        )

    async def open(self, bill: Bill) -> Checkout:
        """A session that takes one card payment of exactly the bill: what the Dashboard would add is switched off."""
        reference = {"payment": bill.reference}
        now = int(time.time())
        params: Any = {
            "mode": "payment",
            "payment_method_types": ["card"],
            "automatic_tax": {"enabled": False},
            "allow_promotion_codes": False,
            "adaptive_pricing": {"enabled": False},
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": bill.currency.lower(),
                        "unit_amount": to_stripe(bill.amount_minor, bill.currency),
                        "product_data": {"name": bill.description[:_LONGEST_NAME]},
                    },
                }
            ],
            "client_reference_id": bill.reference,
            "metadata": reference,
            "payment_intent_data": {"metadata": reference},
            "customer_email": bill.customer_email,
            "success_url": bill.return_url,
            "cancel_url": bill.return_url,
            "expires_at": min(max(int(bill.expires_at.timestamp()), now + _LEAST_LIFE_S), now + _LONGEST_LIFE_S),
        }
        options: Any = {"idempotency_key": f"open-{bill.reference}"}
        session = await ask(self._client.v1.checkout.sessions.create_async(params, options))
        return Checkout(session.id, session.url)

    async def look(self, remote_id: str) -> Seen:
        """The session, as Stripe has it: what came in a call is not believed."""
        session = await self._session(remote_id)
        currency = (session.currency or "").upper()
        intent = session.payment_intent
        return Seen(
            session=session.status or "open",
            paid=session.payment_status == "paid",
            failed=isinstance(intent, stripe.PaymentIntent) and intent.status in _LOST,
            reference=session.client_reference_id or "",
            amount_minor=from_stripe(session.amount_total or 0, currency),
            currency=currency,
            intent=intent if isinstance(intent, str) else intent.id if intent is not None else "",
        )

    async def close(self, remote_id: str) -> None:
        """Expires the session."""
        try:
            await ask(self._client.v1.checkout.sessions.expire_async(remote_id))
        except ProviderRefused as error:
            if error.code == "resource_missing":
                raise  # one that is complete or expired already is refused too, and that is fine

    async def refund(self, remote_id: str, amount_minor: int | None, currency: str, *, reference: str) -> Refund:
        """
        So much of the session's payment, unless it was given back before.

        Stripe forgets idempotency keys after a day, so the refunds that there are are looked at first.
        """
        intent = _id_of((await self._session(remote_id)).payment_intent)
        known = await ask(self._client.v1.refunds.list_async({"payment_intent": intent, "limit": 100}))
        for refund in known.data:
            if _metadata(refund).get("payment") == reference:
                return _refund(refund)
        params: Any = {"payment_intent": intent, "metadata": {"payment": reference}}
        if amount_minor is not None:
            params["amount"] = to_stripe(amount_minor, currency)
        options: Any = {"idempotency_key": f"refund-{reference}"}
        try:
            return _refund(await ask(self._client.v1.refunds.create_async(params, options)))
        except ProviderRefused as error:
            if error.code != "charge_already_refunded":
                raise
            return Refund(remote_id="", state="done", detail="it was refunded at Stripe before")

    async def look_at_refund(self, refund_id: str) -> Refund:
        """The refund, as Stripe has it."""
        return _refund(await ask(self._client.v1.refunds.retrieve_async(refund_id)))

    async def _session(self, remote_id: str) -> stripe.checkout.Session:
        params: Any = {"expand": ["payment_intent"]}
        return await ask(self._client.v1.checkout.sessions.retrieve_async(remote_id, params))


def _metadata(refund: stripe.Refund) -> dict[str, str]:
    return {} if refund.metadata is None else refund.metadata.to_dict()


def _id_of(intent: stripe.PaymentIntent | str | None) -> str:
    if intent is None:
        raise ProviderRefused("no_payment", "Stripe knows of no payment that could be refunded.")
    return intent if isinstance(intent, str) else intent.id


def _refund(refund: stripe.Refund) -> Refund:
    why = getattr(refund, "failure_reason", None) or getattr(refund, "pending_reason", None) or ""
    return Refund(remote_id=refund.id, state=_REFUND_STATES.get(refund.status or "", "pending"), detail=str(why))
