"""
Owns how often somebody may ask, and where they really ask from.

Leaves who they are to `access`. Counted in Redis, by the `limits` library; without Redis each process counts alone.
"""

import time
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp import web
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from server.settings import IPNetwork, Settings
from server.web.access import TooManyRequests

_PAUSE_S = 2.0


class Limiter:
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
        self._trusted = settings.http.trusted_proxies
        self._exempt_known: dict[str, bool] = {}
        self._local = FixedWindowRateLimiter(MemoryStorage())
        self._storage = _storage(settings)
        self._shared = FixedWindowRateLimiter(self._storage) if self._storage is not None else None
        self._local_until = 0.0

    def client_address(self, request: web.Request) -> str:
        """The nearest address that is not one of our own proxies: what stands left of it is hearsay."""
        peer = request.remote or "127.0.0.1"  # a unix socket has no peer address
        if not self._trusted or not _within(peer, self._trusted):
            return peer
        hops = [hop.strip() for value in request.headers.getall("X-Forwarded-For", ()) for hop in value.split(",")]
        for hop in reversed(hops):
            if _parsed(hop) is None:
                return peer
            if not _within(hop, self._trusted):
                return hop
            peer = hop
        return peer

    def is_exempt(self, address: str) -> bool:
        """Whether *address* is not counted at all."""
        known = self._exempt_known.get(address)
        if known is None:
            if len(self._exempt_known) > 10_000:
                self._exempt_known.clear()
            known = self._exempt_known[address] = _within(address, self._exempt)
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


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address)
    except ValueError:
        return None


def _within(address: str, networks: tuple[IPNetwork, ...]) -> bool:
    parsed = _parsed(address)
    if parsed is None:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in ip_network(network) for network in networks)
