"""
Owns how Stripe's library asks: over aiohttp, as its usual way out shares its ground with another HTTP library.

Leaves what is asked to `stripe_checkout`.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

import stripe
from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout

TIMEOUT_S = 8.0


class NotConnected(stripe.APIConnectionError):
    """Nothing was said: the connection was not made."""


class CallByCall(stripe.HTTPClient):
    """A connection per call: payments are few, and nothing stays open that somebody would have to close."""

    name = "aiohttp"

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=TIMEOUT_S)) as session,
                session.request(method, url, headers=headers, data=post_data) as response,
            ):
                return await response.read(), response.status, response.headers
        except ClientConnectorError as error:
            raise NotConnected(type(error).__name__, should_retry=True) from error  # type: ignore[no-untyped-call]
        except (ClientError, TimeoutError) as error:
            raise stripe.APIConnectionError(type(error).__name__, should_retry=True) from error  # type: ignore[no-untyped-call]

    def sleep_async(self, secs: float) -> Awaitable[None]:
        return asyncio.sleep(secs)

    async def close_async(self) -> None:
        """Nothing is open."""
