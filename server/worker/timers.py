"""
Owns the timed jobs of reminders and of calendars' rounds: one arq job per thing and moment, for what falls due within
the horizon.

Leaves what is done then to the pump and to `syncing`. Redis may forget every one of them: both look by themselves, too.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from arq.connections import ArqRedis, RedisSettings, create_pool
from redis.exceptions import RedisError

from server.domain.errors import Unavailable
from server.settings import WorkerSettings
from server.store.deliveries import upcoming_reminders
from server.store.sync_turns import upcoming_turns
from server.usecases.core import Core
from server.worker.pump import Pump

log = logging.getLogger(__name__)

_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Timed:
    """
    A kind of thing that falls due.

    Attributes:
        name: Of the job's ids; the job itself is `{name}_job`, called with business id and id.
        upcoming: `(business id, id, due)` of what becomes due within so many seconds, so many at most.
    """

    name: str
    upcoming: Callable[..., Awaitable[Sequence[tuple[int, int, datetime]]]]


REMINDERS = Timed("remind", upcoming_reminders)
TURNS = Timed("sync", upcoming_turns)


async def set_timers(core: Core, redis: ArqRedis, timed: Timed, horizon_s: float) -> int:
    """Makes a timed job for each thing that falls due within *horizon_s*; how many there are."""
    async with core.database.reading() as session:
        upcoming = await timed.upcoming(session, horizon_s, limit=_BATCH)
    for business_id, row_id, due_at in upcoming:
        # The id says what it is for: whoever sets it again, here or in another worker, sets nothing.
        await redis.enqueue_job(
            f"{timed.name}_job",
            business_id,
            row_id,
            _job_id=f"{timed.name}:{business_id}:{row_id}:{due_at.timestamp():.0f}",
            _defer_until=due_at,
        )
    return len(upcoming)


async def keep_setting_timers(core: Core, where: RedisSettings, timed: Timed, settings: WorkerSettings) -> None:
    """Does so once, and waits until it has to be done again: well within the horizon."""
    try:
        redis = await create_pool(where, job_serializer=orjson.dumps, job_deserializer=orjson.loads)
        try:
            await set_timers(core, redis, timed, settings.horizon_s)
        finally:
            await redis.aclose(close_connection_pool=True)
    except (RedisError, OSError) as error:
        raise Unavailable("Redis") from error
    await asyncio.sleep(settings.horizon_s / 4)


async def remind_job(ctx: dict[str, Any], business_id: object, appointment_id: object) -> None:
    """
    The reminders of one appointment are due.

    What comes out of Redis is believed no further than this: the ledger decides whether anything is due.
    """
    pump: Pump = ctx["pump"]
    if not isinstance(business_id, int) or not isinstance(appointment_id, int):
        log.warning("passed over a timer with arguments that are no ids")
        return
    try:
        if await pump.remind((business_id, appointment_id)):
            pump.wake()
    except Unavailable:
        log.info("the database is away; the pump will find what is due")
