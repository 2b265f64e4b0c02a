"""
Owns paying through Stripe Checkout, with Stripe's own library.

Leaves what a payment is for to `usecases/payments`. The library asks over aiohttp: its usual way out, requests, shares
its ground with another HTTP library that the calendars bring along.
"""

import asyncio
import time
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

import orjson
import stripe
from aiohttp import ClientError, ClientSession, ClientTimeout

from server.domain.errors import Unavailable
from server.payments.protocol import Bill, Checkout, Paid
from server.payments.stripe_amounts import from_stripe, to_stripe
from server.settings import PaymentSettings

T = TypeVar("T")

_TIMEOUT_S = 8.0
_TOLERANCE_S = 300
_DONE = frozenset({"checkout.session.completed", "checkout.session.async_payment_succeeded"})
_LEAST_LIFE_S = 1_800
"""Stripe lets a session live no shorter; what comes after our own time is given back."""


class StripeCheckout:
    """A Checkout Session per payment."""

    def __init__(self, settings: PaymentSettings) -> None:
        assert settings.stripe_key is not None
        self._client = stripe.StripeClient(
            settings.stripe_key.get_secret_value(),
            base_addresses={"api": settings.stripe_url},
            http_client=_CallByCall(),
            max_network_retries=1,
        )

    async def open(self, bill: Bill) -> Checkout:
        """A session that takes one card payment."""
        line: dict[str, Any] = {
            "quantity": 1,
            "price_data": {
                "currency": bill.currency.lower(),
                "unit_amount": to_stripe(bill.amount_minor, bill.currency),
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
            self._client.v1.checkout.sessions.create_async(params, {"idempotency_key": f"open-{bill.reference}"})
        )
        return Checkout(session.id, session.url)

    async def check(self, remote_id: str) -> Paid:
        """The session, as Stripe has it: what came in a call is not believed."""
        session = await _asked(self._client.v1.checkout.sessions.retrieve_async(remote_id))
        currency = (session.currency or "").upper()
        return Paid(
            is_paid=session.payment_status == "paid",
            reference=session.client_reference_id or "",
            amount_minor=from_stripe(session.amount_total or 0, currency),
            currency=currency,
        )

    async def refund(self, remote_id: str, amount_minor: int, *, reference: str) -> None:
        """So much of the session's payment."""
        session = await _asked(self._client.v1.checkout.sessions.retrieve_async(remote_id))
        params: Any = {"payment_intent": str(session.payment_intent), "amount": amount_minor}
        await _asked(self._client.v1.refunds.create_async(params, {"idempotency_key": f"refund-{reference}"}))


def is_from_stripe(body: bytes, signature: str, secret: str) -> bool:
    """Whether *signature* (`Stripe-Signature`) was made with *secret* over *body*, five minutes ago at most."""
    if not signature.isascii():  # the library's comparison takes no other text
        return False
    try:
        return bool(stripe.WebhookSignature.verify_header(body, signature, secret, _TOLERANCE_S))
    except (ValueError, stripe.SignatureVerificationError):  # ValueError: the body is no UTF-8
        return False


def paid_session(body: bytes) -> str | None:
    """The session that a call of Stripe says is paid; None for calls about anything else, whatever their shape."""
    try:
        event = orjson.loads(body)
        return str(event["data"]["object"]["id"]) if event["type"] in _DONE else None
    except (ValueError, TypeError, LookupError):
        return None


class _CallByCall(stripe.HTTPClient):
    """A connection per call: payments are few, and nothing stays open that somebody would have to close."""

    name = "aiohttp"

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=_TIMEOUT_S)) as session,
                session.request(method, url, headers=headers, data=post_data) as response,
            ):
                return await response.read(), response.status, response.headers
        except (ClientError, TimeoutError) as error:
            raise stripe.APIConnectionError(type(error).__name__, should_retry=True) from error  # type: ignore[no-untyped-call]

    def sleep_async(self, secs: float) -> Awaitable[None]:
        return asyncio.sleep(secs)

    async def close_async(self) -> None:
        """Nothing is open."""


async def _asked(question: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(_TIMEOUT_S * 2 + 2):
            return await question
    except (stripe.StripeError, TimeoutError, OSError) as error:
        raise Unavailable("payment") from error
