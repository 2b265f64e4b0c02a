"""
Owns the note that web processes leave for `bookable doctor`: a proxy forwards requests and is not trusted.

Leaves noticing it to `web/proxies`.
"""

from redis.asyncio import Redis

_PREFIX = "bookable:untrusted-proxy:"
_KEPT_S = 86_400


async def note_proxy(redis: Redis, *, peer: str) -> None:
    """*peer* forwards requests; good for a day."""
    await redis.set(_PREFIX + peer, "1", ex=_KEPT_S)


async def noted_proxies(redis: Redis) -> list[str]:
    """Those that did so within a day."""
    return sorted([key.decode().removeprefix(_PREFIX) async for key in redis.scan_iter(match=_PREFIX + "*", count=500)])
