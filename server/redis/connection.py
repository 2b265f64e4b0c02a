"""
Owns the connection to Redis within a request: bounded waits, and leaving it alone for a while after it failed.

Leaves what is asked of it to its neighbours.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from server.settings import RedisSettings

T = TypeVar("T")
log = logging.getLogger(__name__)


class RedisLink:
    """One Redis, asked with patience that runs out."""

    def __init__(self, settings: RedisSettings) -> None:
        self.client: Redis | None = None
        self._timeout = settings.timeout_ms / 1000
        self._pause = settings.pause_after_failure_ms / 1000
        self._paused_until = 0.0
        self.untold: set[str] = set()
        """Businesses whose change could not be announced: their versions in Redis are those before it."""
        if settings.url is not None:
            self.client = Redis.from_url(
                settings.url,
                socket_connect_timeout=self._timeout,
                socket_timeout=self._timeout,
                retry=Retry(NoBackoff(), 0),
                max_connections=64,
            )

    async def ask(self, question: Callable[[Redis], Awaitable[T]]) -> T | None:
        """What *question* gets from Redis; None where Redis is down, slow, or was so a moment ago."""
        if self.client is None or time.monotonic() < self._paused_until:
            return None
        try:
            async with asyncio.timeout(self._timeout):
                return await question(self.client)
        except (RedisError, OSError, TimeoutError) as error:
            if time.monotonic() >= self._paused_until:
                log.warning("Redis did not answer (%s); going on without it", type(error).__name__)
            self._paused_until = time.monotonic() + self._pause
            return None

    async def close(self) -> None:
        """Closes the connections."""
        if self.client is not None:
            await self.client.aclose()
