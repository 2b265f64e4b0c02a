"""
Owns what Stripe's errors mean: nothing was done, nobody knows, or no.

Leaves what follows to the use-cases (docs.stripe.com/api/errors, docs.stripe.com/error-low-level).
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import stripe

from server.payments.errors import ProviderError, ProviderRefused, ProviderUnknown, ProviderUnreachable
from server.payments.stripe_http import TIMEOUT_S, NotConnected

T = TypeVar("T")

_LONGEST_S = TIMEOUT_S * 2 + 2
_LONGEST_MESSAGE = 300


async def ask(question: Awaitable[T]) -> T:
    """
    The answer of Stripe's library.

    Raises:
        ProviderUnreachable, ProviderUnknown, ProviderRefused: What its error means.
    """
    try:
        async with asyncio.timeout(_LONGEST_S):
            return await question
    except stripe.StripeError as error:
        raise _meaning(error) from error
    except (TimeoutError, OSError) as error:
        raise ProviderUnknown(f"Stripe did not answer: {type(error).__name__}") from error


def _meaning(error: stripe.StripeError) -> ProviderError:
    status = error.http_status or 0
    message = (error.user_message or str(error) or type(error).__name__)[:_LONGEST_MESSAGE]
    if isinstance(error, NotConnected):
        return ProviderUnreachable("Stripe cannot be reached")
    if isinstance(error, stripe.RateLimitError) or status == 429:
        return ProviderUnreachable("Stripe asks us to wait", _retry_after(error))
    if status == 401:
        return ProviderUnreachable("Stripe does not take our key")
    # A 409 is another request with the same key, still running.
    if isinstance(error, stripe.APIConnectionError) or status >= 500 or status in {0, 409}:
        return ProviderUnknown(f"Stripe did not say what became of it: {status or message}", _retry_after(error))
    return ProviderRefused(error.code or "", message, str(getattr(error, "param", None) or ""))


def _retry_after(error: stripe.StripeError) -> int | None:
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    asked = str(headers.get("retry-after", ""))
    return int(asked) if asked.isdecimal() else None
