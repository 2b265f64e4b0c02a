"""
Owns the worker process: its jobs, its sign of life, and coming back after Redis was away.

Leaves what the jobs do to the use-cases.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator
from typing import Any

import orjson
from arq import cron
from arq.connections import RedisSettings
from arq.worker import Worker
from redis.exceptions import RedisError

from server.redis.changes import Changes
from server.redis.connection import RedisLink
from server.redis.heartbeats import beat
from server.redis.listeners import Listeners
from server.settings import Settings
from server.store.engine import Database
from server.store.offers import OfferBook
from server.tokens import Vault
from server.usecases.core import Core
from server.worker.jobs import sweep_job

log = logging.getLogger(__name__)

_BEAT_S = 10
_COME_BACK_S = 2.0


def run_worker(settings: Settings) -> None:
    """Works until SIGINT or SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _core(settings) as (core, link):
        tasks = [asyncio.create_task(_beat(link)), asyncio.create_task(_work(settings, core))]
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _core(settings: Settings) -> AsyncIterator[tuple[Core, RedisLink]]:
    database = await Database.open(settings.database)
    link = RedisLink(settings.redis)
    vault = Vault([key.get_secret_value() for key in settings.secret.keys])
    try:
        yield Core(database, OfferBook(), vault, Changes(link, Listeners(None)), settings.booking), link
    finally:
        await database.close()
        await link.close()


async def _beat(link: RedisLink) -> None:
    """A sign of life every few seconds; one that does not get through is not worth stopping for."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    while True:
        await link.ask(lambda redis: beat(redis, name))
        await asyncio.sleep(_BEAT_S)


async def _work(settings: Settings, core: Core) -> None:
    """arq's worker ends when Redis goes away; a new one takes its place until Redis is back."""
    while True:
        worker = _arq_worker(settings, core)
        try:
            await worker.async_run()
        except (RedisError, OSError) as error:
            log.warning("Redis is away (%s); trying again", type(error).__name__)
        finally:
            with contextlib.suppress(RedisError, OSError):
                await worker.close()
        await asyncio.sleep(_COME_BACK_S)


def _arq_worker(settings: Settings, core: Core) -> Worker:
    options: dict[str, Any] = {
        "functions": [sweep_job],
        # Every minute, and at once after a start: missed ticks are not made up for, so the job catches up by itself.
        "cron_jobs": [cron(sweep_job, second=0, run_at_startup=True, unique=True, keep_result=0)],
        "redis_settings": RedisSettings.from_dsn(settings.redis.url or "redis://127.0.0.1:6379/0"),
        "ctx": {"core": core},
        "handle_signals": False,
        "keep_result": 0,
        "job_timeout": 50,
        "job_serializer": orjson.dumps,
        "job_deserializer": orjson.loads,
    }
    return Worker(**options)
