"""
Owns paying through Stripe Checkout, with Stripe's own library.

Leaves what a payment is for to `usecases/payments`. The library waits in a thread, for as long as it is allowed to.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

import stripe

from server.domain.errors import Unavailable
from server.payments.protocol import Bill, Checkout, Paid
from server.settings import PaymentSettings

T = TypeVar("T")

_TIMEOUT_S = 8.0
_TOLERANCE_S = 300
_DONE = frozenset({"checkout.session.completed", "checkout.session.async_payment_succeeded"})
_LEAST_LIFE_S = 1_800
"""Stripe lets a session live no shorter; what comes after our own time is given back."""


class ForgedCall(Exception):
    """It is not Stripe who calls, or it called long ago."""


class StripeCheckout:
    """A Checkout Session per payment."""

    def __init__(self, settings: PaymentSettings) -> None:
        assert settings.stripe_key is not None
        self._client = stripe.StripeClient(
            settings.stripe_key.get_secret_value(),
            base_addresses={"api": settings.stripe_url},
            http_client=stripe.RequestsClient(timeout=_TIMEOUT_S),
            max_network_retries=1,
        )

    async def open(self, bill: Bill) -> Checkout:
        """A session that takes one card payment."""
        line: dict[str, Any] = {
            "quantity": 1,
            "price_data": {
                "currency": bill.currency.lower(),
                "unit_amount": bill.amount_minor,
                "product_data": {"name": bill.description},
            },
        }
        params: Any = {
            "mode": "payment",
            "line_items": [line],
            "client_reference_id": bill.reference,
            "metadata": {"payment": bill.reference},
            "customer_email": bill.customer_email,
            "success_url": bill.return_url,
            "cancel_url": bill.return_url,
            "expires_at": max(int(bill.expires_at.timestamp()), int(time.time()) + _LEAST_LIFE_S),
        }
        session = await _asked(
            lambda: self._client.v1.checkout.sessions.create(params, {"idempotency_key": f"open-{bill.reference}"})
        )
        return Checkout(session.id, session.url)

    async def check(self, remote_id: str) -> Paid:
        """The session, as Stripe has it: what came in a call is not believed."""
        session = await _asked(lambda: self._client.v1.checkout.sessions.retrieve(remote_id))
        return Paid(
            is_paid=session.payment_status == "paid",
            reference=session.client_reference_id or "",
            amount_minor=session.amount_total or 0,
            currency=(session.currency or "").upper(),
        )

    async def refund(self, remote_id: str, amount_minor: int, *, reference: str) -> None:
        """So much of the session's payment."""
        session = await _asked(lambda: self._client.v1.checkout.sessions.retrieve(remote_id))
        params: Any = {"payment_intent": str(session.payment_intent), "amount": amount_minor}
        await _asked(lambda: self._client.v1.refunds.create(params, {"idempotency_key": f"refund-{reference}"}))


def paid_session(body: bytes, signature: str, secret: str) -> str | None:
    """
    The session that a call of Stripe says is paid; None for calls about anything else.

    Raises:
        ForgedCall: The signature is missing, wrong, or older than five minutes.
    """
    try:
        event = stripe.Webhook.construct_event(body, signature, secret, tolerance=_TOLERANCE_S)
    except (ValueError, stripe.SignatureVerificationError) as error:
        raise ForgedCall from error
    return str(event["data"]["object"]["id"]) if event["type"] in _DONE else None


async def _asked(question: Callable[[], T]) -> T:
    try:
        async with asyncio.timeout(_TIMEOUT_S * 2 + 2):
            return await asyncio.to_thread(question)
    except (stripe.StripeError, TimeoutError, OSError) as error:
        raise Unavailable("payment") from error
