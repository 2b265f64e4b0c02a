"""
Owns the worker process: its parts, its sign of life, and coming back after Redis was away.

Leaves what is done to the pump and the jobs.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from typing import Any

import orjson
from arq import cron
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.worker import Worker
from redis.exceptions import RedisError

from server.domain.errors import Unavailable
from server.payments import open_methods
from server.redis.changes import Changes
from server.redis.connection import RedisLink
from server.redis.heartbeats import beat
from server.redis.listeners import Listeners
from server.settings import Settings
from server.store.engine import Database
from server.store.offers import OfferBook
from server.supervision import Loops, exit_within, run_forever, stop_event
from server.tokens import Vault
from server.usecases.check_secret import WrongSecret, until_secret_fits
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
_GRACE_S = 10.0
"""What a stopping worker has beside a lease's time, before it ends whatever it does."""
_STALLED_AFTER_S = 60.0
_TIDY_WITHIN_S = 300.0

_Part = Callable[[], Coroutine[Any, Any, None]]
"""Something that goes on until it is cancelled."""
_TIMER_LOOK_S = 0.2


def run_worker(settings: Settings) -> None:
    """
    Works until SIGINT or SIGTERM.

    Raises:
        WrongSecret
        ExceptionGroup: A part has ended: the process is to be started anew.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.nice(settings.worker.nice)
    try:
        asyncio.run(_run(settings))
    except BaseExceptionGroup as ended:
        if ended.subgroup(WrongSecret) is not None:
            raise WrongSecret from None
        raise


async def _run(settings: Settings) -> None:
    deadline_s = settings.worker.lease_s + _GRACE_S
    stop = stop_event(deadline_s)
    async with working(settings):
        try:
            await stop.wait()
        finally:
            exit_within(deadline_s)


@contextlib.asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[Pump]:
    """
    A worker at work; afterwards what it had begun is finished, or handed back by its lease.

    A part that ends takes all others, and the caller, with it (`ExceptionGroup`): the process is to be started anew.
    """
    async with contextlib.AsyncExitStack() as stack:
        core, link, listeners = await stack.enter_async_context(_core(settings))
        loops = Loops()
        lanes = await stack.enter_async_context(open_lanes(settings, core))
        pump = Pump(core, lanes, settings.worker, loops)
        tidying = Tidying(core, open_methods(settings.payment))
        tools = await stack.enter_async_context(open_tools(settings, core))
        syncing = Syncing(tools, settings.worker, loops)

        def wake(_: object) -> None:
            pump.wake()
            syncing.wake()

        listeners.heard = wake
        context = {"pump": pump, "tidying": tidying, "syncing": syncing, "tools": tools}
        beside = _loops(settings, core, link, listeners=listeners, tidying=tidying, context=context, loops=loops)
        parts: list[_Part] = [pump.run, syncing.run, *beside]
        if settings.inbound.port is not None:
            server = await stack.enter_async_context(listening(settings.inbound, core, settings.mail.reply_domain))
            inbound = loops.add("inbound mail", stalled_after_s=_STALLED_AFTER_S)
            parts.append(partial(run_forever, inbound, server.watch))
        async with asyncio.TaskGroup() as group:
            fits = group.create_task(until_secret_fits(core.database, core.vault))
            tasks = [fits, *(group.create_task(_after(fits, part)) for part in parts)]
            try:
                yield pump
            finally:
                for task in tasks:
                    task.cancel()


async def _after(fits: "asyncio.Task[None]", part: _Part) -> None:
    """Nothing is made with a secret that is not known to be the right one."""
    await asyncio.wait([fits])
    if fits.exception() is None:
        await part()


def _loops(
    settings: Settings,
    core: Core,
    link: RedisLink,
    *,
    listeners: Listeners,
    tidying: Tidying,
    context: dict[str, Any],
    loops: Loops,
) -> Iterator[_Part]:
    """Everything that goes on beside the pump and the rounds of calendars."""
    where = RedisSettings.from_dsn(settings.redis.url or "redis://127.0.0.1:6379/0")
    where.conn_retries = 0
    hearing = loops.add("listeners", stalled_after_s=_STALLED_AFTER_S)
    yield partial(run_forever, hearing, partial(listeners.listen, hearing.turned))
    yield partial(run_forever, loops.add("tidying", stalled_after_s=_TIDY_WITHIN_S), tidying.keep_tidy)
    yield partial(run_forever, loops.add("beat", stalled_after_s=_STALLED_AFTER_S), partial(_beat, link, loops))
    jobs = loops.add("jobs", stalled_after_s=_STALLED_AFTER_S)
    yield partial(run_forever, jobs, partial(_jobs, where, context, jobs.turned))
    for timed in (REMINDERS, TURNS):
        timers = loops.add(f"timers of {timed.name}", stalled_after_s=settings.worker.horizon_s)
        yield partial(run_forever, timers, partial(keep_setting_timers, core, where, timed, settings.worker))


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


async def _beat(link: RedisLink, loops: Loops) -> None:
    """A sign of life every few seconds; one that does not get through is not worth stopping for."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    await link.ask(lambda redis: beat(redis, name, loops.reports()))
    await asyncio.sleep(_BEAT_S)


async def _jobs(where: RedisSettings, context: dict[str, Any], alive: Callable[[], None]) -> None:
    """
    One life of arq's worker, which ends when Redis goes away. The pump goes on meanwhile.

    Raises:
        Unavailable: Redis is away.
    """
    try:
        redis = await create_pool(where, job_serializer=orjson.dumps, job_deserializer=orjson.loads)
        worker = _JobWorker(alive, redis, context)
        try:
            await _check_eviction(redis)
            await worker.async_run()
        finally:
            await worker.end()
    except (RedisError, OSError) as error:
        raise Unavailable("Redis") from error


async def _check_eviction(redis: ArqRedis) -> None:
    """A Redis that evicts would forget timers when it is full; nothing is lost by that, but messages leave later."""
    policy = (await redis.info("memory")).get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        log.warning("Redis evicts (%s): set maxmemory-policy noeviction, or messages may leave late", policy)


class _JobWorker(Worker):
    """arq's worker with our jobs; calls *alive* whenever it looked for jobs."""

    def __init__(self, alive: Callable[[], None], redis: ArqRedis, context: dict[str, Any]) -> None:
        self._alive = alive
        options: dict[str, Any] = {
            "functions": [sweep_job, remind_job, sync_job],
            # Every minute, and at once after a start: missed ticks are not made up for, so the job catches up itself.
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
        super().__init__(**options)

    async def heart_beat(self) -> None:
        """Called by arq at each look."""
        await super().heart_beat()
        self._alive()

    async def end(self) -> None:
        """Ends its jobs and its connections; arq's `close` would raise what it cancels itself."""
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        self.tasks.clear()
        with contextlib.suppress(RedisError, OSError):
            await self.pool.delete(self.health_check_key)
        await self.pool.aclose(close_connection_pool=True)
