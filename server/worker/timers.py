"""
Owns the timed jobs of reminders: one arq job per appointment and moment, for what falls due within the horizon.

Leaves handing the reminder over to the pump. Redis may forget every one of them: the pump looks by itself, too.
"""

import asyncio
import logging
from typing import Any, NoReturn

from arq.connections import ArqRedis
from redis.exceptions import RedisError

from server.domain.errors import Unavailable
from server.settings import WorkerSettings
from server.store.deliveries import upcoming_reminders
from server.usecases.core import Core
from server.worker.pump import Pump

log = logging.getLogger(__name__)

_BATCH = 2_000


async def set_timers(core: Core, redis: ArqRedis, horizon_s: float) -> int:
    """Makes a timed job for each appointment whose reminders fall due within *horizon_s*; how many there are."""
    async with core.database.reading() as session:
        upcoming = await upcoming_reminders(session, horizon_s, limit=_BATCH)
    for business_id, appointment_id, due_at in upcoming:
        # The id says what it is for: whoever sets it again, here or in another worker, sets nothing.
        await redis.enqueue_job(
            "remind_job",
            business_id,
            appointment_id,
            _job_id=f"remind:{business_id}:{appointment_id}:{due_at.timestamp():.0f}",
            _defer_until=due_at,
        )
    return len(upcoming)


async def keep_setting_timers(core: Core, redis: ArqRedis, settings: WorkerSettings) -> NoReturn:
    """Does so again and again, well within the horizon, until cancelled."""
    while True:
        try:
            await set_timers(core, redis, settings.horizon_s)
        except (Unavailable, RedisError, OSError) as error:
            log.info("no timers for reminders now (%s)", type(error).__name__)
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
