"""
Owns the worker process: its parts, its sign of life, and coming back after Redis was away.

Leaves what is done to the pump and the jobs.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import orjson
from arq import cron
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.worker import Worker
from redis.exceptions import RedisError

from server.payments import open_methods
from server.redis.changes import Changes
from server.redis.connection import RedisLink
from server.redis.heartbeats import beat
from server.redis.listeners import Listeners
from server.settings import Settings
from server.store.engine import Database
from server.store.offers import OfferBook
from server.tokens import Vault
from server.usecases.core import Core
from server.worker.calendar_tools import open_tools
from server.worker.inbound_mail import listening
from server.worker.jobs import Tidying, sweep_job
from server.worker.pump import Pump
from server.worker.senders import open_lanes
from server.worker.syncing import Syncing, sync_job
from server.worker.timers import REMINDERS, TURNS, keep_setting_timers, remind_job

log = logging.getLogger(__name__)

_BEAT_S = 10
_COME_BACK_S = 1.0
_TIMER_LOOK_S = 0.2


def run_worker(settings: Settings) -> None:
    """Works until SIGINT or SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.nice(settings.worker.nice)
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with working(settings):
        await stop.wait()


@contextlib.asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[Pump]:
    """A worker at work; afterwards what it had begun is finished, or handed back by its lease."""
    async with contextlib.AsyncExitStack() as stack:
        core, link, listeners = await stack.enter_async_context(_core(settings))
        pump = Pump(core, await stack.enter_async_context(open_lanes(settings, core)), settings.worker)
        if settings.inbound.port is not None:
            await stack.enter_async_context(listening(settings.inbound, core, settings.mail.reply_domain))
        tidying = Tidying(core, open_methods(settings.payment))
        tools = await stack.enter_async_context(open_tools(settings, core))
        syncing = Syncing(tools, settings.worker)

        def wake(_: object) -> None:
            pump.wake()
            syncing.wake()

        listeners.heard = wake
        context = {"pump": pump, "tidying": tidying, "syncing": syncing, "tools": tools}
        parts = [
            pump.run(),
            syncing.run(),
            listeners.run(),
            tidying.keep_tidy(),
            _beat(link),
            _jobs(settings, core, context),
        ]
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            yield pump
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _core(settings: Settings) -> AsyncIterator[tuple[Core, RedisLink, Listeners]]:
    database = await Database.open(settings.database)
    link = RedisLink(settings.redis)
    vault = Vault([key.get_secret_value() for key in settings.secret.keys])
    listeners = Listeners(settings.redis.url)
    try:
        yield Core(database, OfferBook(), vault, Changes(link, Listeners(None)), settings.booking), link, listeners
    finally:
        await database.close()
        await link.close()


async def _beat(link: RedisLink) -> NoReturn:
    """A sign of life every few seconds; one that does not get through is not worth stopping for."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    while True:
        await link.ask(lambda redis: beat(redis, name))
        await asyncio.sleep(_BEAT_S)


async def _jobs(settings: Settings, core: Core, context: dict[str, Any]) -> NoReturn:
    """arq's worker ends when Redis goes away; a new one takes its place until Redis is back. The pump goes on."""
    where = RedisSettings.from_dsn(settings.redis.url or "redis://127.0.0.1:6379/0")
    where.conn_retries = 0
    while True:
        try:
            redis = await create_pool(where, job_serializer=orjson.dumps, job_deserializer=orjson.loads)
            await _check_eviction(redis)
            await _work(settings, core, context, redis)
        except (RedisError, OSError) as error:
            log.warning("Redis is away (%s); trying again", type(error).__name__)
        await asyncio.sleep(_COME_BACK_S)


async def _check_eviction(redis: ArqRedis) -> None:
    """A Redis that evicts would forget timers when it is full; nothing is lost by that, but messages leave later."""
    policy = (await redis.info("memory")).get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        log.warning("Redis evicts (%s): set maxmemory-policy noeviction, or messages may leave late", policy)


async def _work(settings: Settings, core: Core, context: dict[str, Any], redis: ArqRedis) -> None:
    worker = _arq_worker(redis, context)
    timers = [
        asyncio.create_task(keep_setting_timers(core, redis, timed, settings.worker)) for timed in (REMINDERS, TURNS)
    ]
    try:
        await worker.async_run()
    finally:
        for timer in timers:
            timer.cancel()
        with contextlib.suppress(RedisError, OSError):
            await worker.close()


def _arq_worker(redis: ArqRedis, context: dict[str, Any]) -> Worker:
    options: dict[str, Any] = {
        "functions": [sweep_job, remind_job, sync_job],
        # Every minute, and at once after a start: missed ticks are not made up for, so the job catches up by itself.
        "cron_jobs": [cron(sweep_job, second=0, run_at_startup=True, unique=True, keep_result=0)],
        "redis_pool": redis,
        "ctx": context,
        "handle_signals": False,
        "keep_result": 0,
        "job_timeout": 50,
        "poll_delay": _TIMER_LOOK_S,
        # JSON: whoever can write to Redis must not be able to make a worker run code, as pickle would let them.
        "job_serializer": orjson.dumps,
        "job_deserializer": orjson.loads,
    }
    return Worker(**options)
