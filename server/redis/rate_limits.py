"""
Owns how often somebody may ask. Counted in Redis, by the `limits` library; without Redis each process counts alone.

Leaves who they are, and where they really ask from, to `web`. An address counts as its networks (`domain/networks`).
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from limits import RateLimitItem, parse
from limits.aio.storage import RedisStorage
from limits.aio.storage.redis.redispy import RedispyBridge
from limits.aio.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from server.domain.errors import TooManyRequests
from server.domain.networks import Networks, Prefixes, networks_of
from server.domain.recent import Recent
from server.redis.fixed_windows import FixedWindows
from server.settings import LimitSettings, Settings, within

_PAUSE_S = 2.0
_MOST_KNOWN = 10_000
_LOOKED_UP_AT_ONCE = 2
"""Keys from networks that showed too many wrong ones, per process: guessing takes no more of the database."""


class RateLimits:
    """Counts by name and network or key."""

    def __init__(self, settings: Settings) -> None:
        limit = settings.limit
        self._items: dict[str, RateLimitItem] = {
            "read": parse(limit.read_per_ip),
            "write": parse(limit.write_per_ip),
            "preflight": parse(limit.read_per_ip),
            "key": parse(limit.per_key),
            "failed": parse(limit.failed_keys_per_ip),
        }
        self._wide = {kind: _times(item, limit.wide_factor) for kind, item in self._items.items()}
        self._prefixes = _prefixes(limit)
        self._exempt = limit.exempt
        self._exempt_known: Recent[str, bool] = Recent(most=_MOST_KNOWN, ttl_s=3_600)
        self._refused: Recent[tuple[str, str], float] = Recent(most=_MOST_KNOWN, ttl_s=0)
        self._local = FixedWindows()
        self._suspects = asyncio.Semaphore(_LOOKED_UP_AT_ONCE)
        self._storage = _storage(settings)
        self._shared = FixedWindowRateLimiter(self._storage) if self._storage is not None else None
        self._local_until = 0.0

    def networks(self, address: str) -> Networks:
        """What *address* counts for."""
        return networks_of(address, self._prefixes)

    def stranger(self, address: str) -> Networks | None:
        """What *address* counts for; None where it is not counted at all."""
        return None if self.is_exempt(address) else self.networks(address)

    def is_exempt(self, address: str) -> bool:
        """Whether *address* is not counted at all."""
        now = time.monotonic()
        known = self._exempt_known.get(address, now)
        if known is None:
            known = within(address, self._exempt)
            self._exempt_known.put(address, known, now)
        return known

    async def count(self, kind: str, address: str) -> None:
        """
        Counts one request of *kind* from *address*: for its own network first, so that one of them alone cannot use up
        what the wide one has.

        Raises:
            TooManyRequests: That was one too many.
        """
        if self.is_exempt(address):
            return
        narrow, wide = self.networks(address)
        await self._count(self._items[kind], kind, narrow)
        if wide != narrow:
            await self._count(self._wide[kind], kind, wide)

    async def count_key(self, key_id: int) -> None:
        """
        Counts one request with an API key.

        Raises:
            TooManyRequests: That was one too many.
        """
        await self._count(self._items["key"], "key", str(key_id))

    @contextlib.asynccontextmanager
    async def looking_up_key(self, address: str) -> AsyncIterator[None]:
        """
        Surrounds looking for a key. A right one gets through from wherever it comes: keys have 192 bits, so guessing
        needs no brake, only a bound on what it costs.
        """
        narrow = self.networks(address).narrow
        if not self._local.is_over(self._items["failed"], "failed", narrow, time.time()):
            yield
            return
        async with self._suspects:
            yield

    def note_wrong_key(self, address: str) -> None:
        """
        A wrong key came from *address*. Counted here: a guesser must not gain by taking Redis down.

        Raises:
            TooManyRequests: That was one too many.
        """
        if self.is_exempt(address):
            return
        now = time.time()
        ends = self._local.hit(self._items["failed"], "failed", self.networks(address).narrow, now)
        if ends is not None:
            raise TooManyRequests(retry_after_s=_seconds(ends - now))

    async def close(self) -> None:
        """Closes the connections to Redis."""
        if self._storage is not None:
            assert isinstance(self._storage.bridge, RedispyBridge)
            await self._storage.bridge.storage.aclose()

    async def _count(self, item: RateLimitItem, kind: str, who: str) -> None:
        now = time.time()
        # Whoever was refused asks Redis no more until the window ends: a flood of them makes no keys there.
        ends = self._refused.get((kind, who), now) or await self._window_over(item, kind, who)
        if ends is not None:
            self._refused.put((kind, who), ends, now, until=ends)
            raise TooManyRequests(retry_after_s=_seconds(ends - now))

    async def _window_over(self, item: RateLimitItem, kind: str, who: str) -> float | None:
        """When the window ends in which this request is one too many; None if it is not."""
        if self._shared is not None and time.monotonic() >= self._local_until:
            try:
                if await self._shared.hit(item, kind, who):
                    return None
                return (await self._shared.get_window_stats(item, kind, who)).reset_time
            except (RedisError, OSError, TimeoutError):
                self._local_until = time.monotonic() + _PAUSE_S
        return self._local.hit(item, kind, who, time.time())


def _seconds(span: float) -> int:
    return max(1, int(span) + 1)


def _times(item: RateLimitItem, factor: int) -> RateLimitItem:
    return type(item)(item.amount * factor, item.multiples)


def _prefixes(limit: LimitSettings) -> Prefixes:
    return Prefixes(ipv6=limit.ipv6_prefix, ipv6_wide=limit.ipv6_wide_prefix, ipv4_wide=limit.ipv4_wide_prefix)


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
