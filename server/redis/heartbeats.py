"""
Owns the signs of life of workers.

Leaves what follows from a missing one to `web/health` and `bookable doctor`.
"""

from redis.asyncio import Redis

_PREFIX = "bookable:worker:heartbeat:"
LIFE_S = 30


async def beat(redis: Redis, worker: str) -> None:
    """The worker called *worker* is alive; good for half a minute."""
    await redis.set(_PREFIX + worker, "1", ex=LIFE_S)


async def living(redis: Redis) -> list[str]:
    """The workers that gave a sign of life in the last half minute."""
    return sorted([key.decode().removeprefix(_PREFIX) async for key in redis.scan_iter(match=_PREFIX + "*", count=500)])
