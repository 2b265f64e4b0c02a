"""
Owns the signs of life of workers: that they are there, and how each of their loops is.

Leaves what follows from a missing one to `web/health` and `bookable doctor`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson
from redis.asyncio import Redis

from server.supervision import LoopReport

_PREFIX = "bookable:worker:heartbeat:"
LIFE_S = 30


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a worker said of its loops, as old as it is now."""

    worker: str
    loops: tuple[LoopReport, ...]

    @property
    def stalled(self) -> list[str]:
        """Names of the loops that do not get on."""
        return [loop.name for loop in self.loops if loop.stalled]


async def beat(redis: Redis, worker: str, loops: Sequence[LoopReport]) -> None:
    """The worker called *worker* is alive; good for half a minute."""
    await redis.set(_PREFIX + worker, orjson.dumps(loops), ex=LIFE_S)


async def living(redis: Redis) -> list[Heartbeat]:
    """The workers that gave a sign of life in the last half minute, and what they said."""
    keys = sorted([key.decode() async for key in redis.scan_iter(match=_PREFIX + "*", count=500)])
    async with redis.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.get(key)
            pipe.pttl(key)
        answers = await pipe.execute()
    found = [_heartbeat(key, *answers[2 * n : 2 * n + 2]) for n, key in enumerate(keys)]
    return [each for each in found if each is not None]


def _heartbeat(key: str, said: bytes | None, left_ms: int) -> Heartbeat | None:
    """None if it expired meanwhile. How long ago it was said follows from its expiry: no two clocks are compared."""
    if said is None:
        return None
    ago_s = max(0.0, LIFE_S - left_ms / 1000)
    loops = tuple(replace(loop, age_s=round(loop.age_s + ago_s, 1)) for loop in _reports(said))
    return Heartbeat(key.removeprefix(_PREFIX), loops)


def _reports(said: bytes) -> list[LoopReport]:
    """None where another version of Bookable says something else."""
    try:
        return [LoopReport(**each) for each in orjson.loads(said)]
    except (ValueError, TypeError):
        return []
