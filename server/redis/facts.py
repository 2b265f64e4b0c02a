"""
Owns what `bookable doctor` wants to know about Redis: version, eviction, who has a heart that beats.

Leaves the judgement to the doctor, and beating to the worker.
"""

from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from server.redis.heartbeats import Heartbeat, living
from server.redis.proxies import noted_proxies


class RedisSilent(Exception):
    """Redis cannot be reached; the text says why."""


@dataclass(frozen=True)
class RedisFacts:
    """A Redis as a new connection finds it."""

    program: str
    """Redis or Valkey."""
    version: tuple[int, ...]
    eviction: str
    workers: list[Heartbeat]
    """Those that gave a sign of life a moment ago."""


async def redis_facts(url: str) -> RedisFacts:
    """
    Look at the Redis of *url*.

    Raises:
        RedisSilent: It cannot be reached, or *url* is no address.
    """
    try:
        return await _look(url)
    except (RedisError, OSError, ValueError) as error:
        raise RedisSilent(str(error) or "no answer in time") from error


async def redis_proxies(url: str) -> list[str]:
    """
    Proxies that were noticed and are not trusted.

    Raises:
        RedisSilent: It cannot be reached.
    """
    try:
        async with Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3) as client:
            return await noted_proxies(client)
    except (RedisError, OSError, ValueError) as error:
        raise RedisSilent(str(error) or "no answer in time") from error


async def _look(url: str) -> RedisFacts:
    async with Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3) as client:
        # INFO, not CONFIG GET: hosted Redis often forbids CONFIG.
        info = await client.info()
        workers = await living(client)
    program = "Valkey" if "valkey_version" in info else "Redis"
    version = tuple(int(part) for part in str(info[f"{program.lower()}_version"]).split(".")[:3])
    return RedisFacts(program, version, str(info["maxmemory_policy"]), workers)
