"""
Owns the versions of availability: random tags that are replaced when something changes.

Leaves what is cached under them to `availability_cache`. A tag is random, not counted, so that a flushed Redis can
never bring an old version back.

A tag that was read a moment ago is believed for 50 ms, and dropped at once when a change is heard of: under load one
look at Redis serves hundreds of requests.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Iterable

from redis.asyncio import Redis

from server.redis.connection import RedisLink

log = logging.getLogger(__name__)

_ANY = "any"
_ALL = "all"
_LIFE_S = 7 * 86_400
_NOTHING = (b"", 0.0)


def _key(business: str) -> str:
    return f"bookable:availability:{business}"


def _field(provider: str) -> str:
    return f"p:{provider}"


def bump_fields(providers: Iterable[str] | None) -> dict[str, str]:
    """
    The fields that a change replaces.

    Args:
        providers: Slugs of the providers whose time changed; None for a change that may touch everybody.
    """
    tag = secrets.token_hex(8)
    fields = {_ANY: tag}
    if providers is None:
        fields[_ALL] = tag
    else:
        fields.update({_field(provider): tag for provider in providers})
    return fields


_BUMP = """
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('EXPIRE', KEYS[1], 604800)
redis.call('PUBLISH', ARGV[1], ARGV[2])
"""


async def bump(redis: Redis, business: str, providers: Iterable[str] | None, *, channel: str, message: bytes) -> None:
    """Replaces versions and publishes *message*: one command, so that nobody hears of the change before it is true."""
    fields = [part for field in bump_fields(providers).items() for part in field]
    await redis.register_script(_BUMP)(keys=[_key(business)], args=[channel, message, *fields])


_BELIEVED_S = 0.05
_MOST_BELIEVED = 50_000
Subject = tuple[str, str | None]
"""A business, and one provider of it (slugs) or None for everybody."""


class Versions:
    """Reads versions; questions of one turn of the event loop share one round trip."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._believed: dict[str, dict[str | None, tuple[bytes, float]]] = {}
        self._waiting: list[tuple[str, tuple[str, ...], asyncio.Future[bytes | None]]] = []
        self._flushing: set[asyncio.Task[None]] = set()

    def known(self, subject: Subject) -> bytes | None:
        """The version of *subject*, if it was read within the last moments and no change was heard of since."""
        of_business = self._believed.get(subject[0])
        if of_business is None:
            return None
        tag, until = of_business.get(subject[1], _NOTHING)
        return tag if until > time.monotonic() else None

    def forget(self, business: str) -> None:
        """Something of *business* has changed."""
        self._believed.pop(business, None)

    async def read(self, subject: Subject) -> bytes | None:
        """
        The version of a provider's availability, or of everybody's; None where Redis cannot be asked.

        One provider's answer depends on their own time and on what touches everybody; everybody's on anything.
        """
        known = self.known(subject)
        if known is not None:
            return known
        if len(self._believed) >= _MOST_BELIEVED:
            self._believed.clear()
        asked_at = time.monotonic()
        of_business = self._believed.setdefault(subject[0], {})
        tag = await self._ask(subject)
        # If a change was heard of meanwhile, the tag may be the one before it.
        if tag is not None and self._believed.get(subject[0]) is of_business:
            of_business[subject[1]] = (tag, asked_at + _BELIEVED_S)
        return tag

    async def _ask(self, subject: Subject) -> bytes | None:
        business, provider = subject
        fields = (_ANY,) if provider is None else (_ALL, _field(provider))
        answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((business, fields, answer))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._start)
        return await answer

    def _start(self) -> None:
        batch, self._waiting = self._waiting, []
        task = asyncio.create_task(self._flush(batch))
        self._flushing.add(task)
        task.add_done_callback(self._flushing.discard)

    async def _flush(self, batch: list[tuple[str, tuple[str, ...], asyncio.Future[bytes | None]]]) -> None:
        found: dict[tuple[str, tuple[str, ...]], bytes] = {}
        try:
            distinct = sorted({(business, fields) for business, fields, _ in batch})
            untold = self._link.untold & {business for business, _ in distinct}
            values = await self._link.ask(lambda redis: _read_all(redis, distinct, untold))
            if values is not None:
                self._link.untold -= untold
                found = dict(zip(distinct, values, strict=True))
        except Exception:
            log.exception("versions could not be read; answering without")
        finally:  # whatever happened, nobody waits for ever
            for business, fields, answer in batch:
                if not answer.done():
                    answer.set_result(found.get((business, fields)))


async def _read_all(redis: Redis, wanted: list[tuple[str, tuple[str, ...]]], untold: set[str]) -> list[bytes]:
    """The versions that are *wanted*, after replacing those of businesses whose change Redis has not heard of."""
    async with redis.pipeline(transaction=False) as pipe:
        for business in untold:
            pipe.hset(_key(business), mapping=bump_fields(None))
        for business, fields in wanted:
            pipe.hmget(_key(business), list(fields))
        values = (await pipe.execute())[len(untold) :]
    if any(None in tags for tags in values):
        async with redis.pipeline(transaction=False) as pipe:
            for (business, fields), tags in zip(wanted, values, strict=True):
                for field, tag in zip(fields, tags, strict=True):
                    if tag is None:  # never read before, or flushed: whoever is first decides
                        pipe.hsetnx(_key(business), field, secrets.token_hex(8))
                pipe.expire(_key(business), _LIFE_S)
            for business, fields in wanted:
                pipe.hmget(_key(business), list(fields))
            values = (await pipe.execute())[-len(wanted) :]
    return [b"|".join(tag or b"" for tag in tags) for tags in values]
