"""
Owns how often somebody may ask. Counted in Redis, by the `limits` library; without Redis each process counts alone.

Leaves who they are, and where they really ask from, to `web`.
"""

import time

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.storage.redis.redispy import RedispyBridge
from limits.aio.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from server.domain.errors import TooManyRequests
from server.settings import Settings, within

_PAUSE_S = 2.0


class RateLimits:
    """Counts by name and address or key."""

    def __init__(self, settings: Settings) -> None:
        limit = settings.limit
        self._items: dict[str, RateLimitItem] = {
            "read": parse(limit.read_per_ip),
            "write": parse(limit.write_per_ip),
            "key": parse(limit.per_key),
            "failed": parse(limit.failed_keys_per_ip),
        }
        self._exempt = limit.exempt
        self._exempt_known: dict[str, bool] = {}
        self._local = FixedWindowRateLimiter(MemoryStorage())
        self._storage = _storage(settings)
        self._shared = FixedWindowRateLimiter(self._storage) if self._storage is not None else None
        self._local_until = 0.0

    def is_exempt(self, address: str) -> bool:
        """Whether *address* is not counted at all."""
        known = self._exempt_known.get(address)
        if known is None:
            if len(self._exempt_known) > 10_000:
                self._exempt_known.clear()
            known = self._exempt_known[address] = within(address, self._exempt)
        return known

    async def count(self, kind: str, who: str) -> None:
        """
        Counts one request of *kind* by *who*.

        Raises:
            TooManyRequests: That was one too many.
        """
        item = self._items[kind]
        if self._shared is not None and time.monotonic() >= self._local_until:
            try:
                await self._check(self._shared, item, kind, who)
            except (RedisError, OSError, TimeoutError):
                self._local_until = time.monotonic() + _PAUSE_S
            else:
                return
        await self._check(self._local, item, kind, who)

    async def check_failures(self, address: str) -> None:
        """
        Refuses an address that has shown too many wrong keys, before looking at another.

        Raises:
            TooManyRequests: It has.
        """
        item = self._items["failed"]
        if not await self._local.test(item, "failed", address):
            raise TooManyRequests(retry_after_s=item.get_expiry())

    async def note_failure(self, address: str) -> None:
        """A wrong key came from *address*. Counted here: a guesser must not gain by taking Redis down."""
        await self._local.hit(self._items["failed"], "failed", address)

    async def close(self) -> None:
        """Closes the connections to Redis."""
        if self._storage is not None:
            assert isinstance(self._storage.bridge, RedispyBridge)
            await self._storage.bridge.storage.aclose()

    async def _check(self, limiter: FixedWindowRateLimiter, item: RateLimitItem, kind: str, who: str) -> None:
        if not await limiter.hit(item, kind, who):
            window = await limiter.get_window_stats(item, kind, who)
            raise TooManyRequests(retry_after_s=max(1, int(window.reset_time - time.time()) + 1))


def _storage(settings: Settings) -> RedisStorage | None:
    url = settings.redis.url
    if url is None:
        return None
    scheme = "async+redis+unix" if url.startswith("unix:") else "async+redis"
    timeout = settings.redis.timeout_ms / 1000
    return RedisStorage(
        f"{scheme}:{url.partition(':')[2]}",
        implementation="redispy",
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
    )
