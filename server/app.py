"""
Owns wiring the web process: from settings to an application that serves.

Leaves the URL table to `web/routes`.
"""

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator

from aiohttp import web

from server.calendars.exchange import GuardedExchange
from server.outbound import Outbound
from server.payments import open_methods
from server.redis.availability_cache import AvailabilityCache
from server.redis.changes import Changes
from server.redis.connection import RedisLink
from server.redis.listeners import Change, Listeners
from server.redis.rate_limits import RateLimits
from server.redis.versions import Versions
from server.settings import HttpSettings, Settings
from server.store.engine import Database
from server.store.offers import OfferBook
from server.tokens import Vault
from server.usecases.calendar_accounts import Accounts
from server.usecases.core import Core
from server.usecases.setup import capabilities_of
from server.web.cors import ORIGINS, KnownOrigins
from server.web.keys import (
    ACCOUNTS,
    CACHE,
    CAPABILITIES,
    CORE,
    LIMITS,
    LINK,
    LISTENERS,
    METHODS,
    OPENED,
    SETTINGS,
    STREAMS,
    TALLY,
    OpenStreams,
)
from server.web.malformed import Runner
from server.web.opened_feeds import OpenedFeeds
from server.web.pages.mailbox import add_mailbox
from server.web.routes import add_routes
from server.web.tally import Tally
from server.web.trace import surround


def build_app(settings: Settings) -> web.Application:
    """The web application; it connects when it starts."""
    app = web.Application(middlewares=[surround], client_max_size=settings.http.body_limit_bytes)
    app[SETTINGS] = settings
    app[LIMITS] = RateLimits(settings)
    app[ORIGINS] = KnownOrigins()
    app[TALLY] = Tally()
    app[STREAMS] = OpenStreams()
    app[METHODS] = open_methods(settings.payment)
    app[CAPABILITIES] = capabilities_of(settings)
    link = RedisLink(settings.redis)
    cache = AvailabilityCache(Versions(link), settings.cache)
    app[LINK] = link
    app[CACHE] = cache
    opened = OpenedFeeds()
    app[OPENED] = opened

    def forget(change: Change) -> None:
        cache.forget(change.business)
        opened.forget(change.business)

    app[LISTENERS] = Listeners(settings.redis.url, heard=forget)
    app.cleanup_ctx.append(_core)
    app.cleanup_ctx.append(_listening)
    app.on_shutdown.append(_end_streams)
    add_routes(app)
    add_mailbox(app)
    return app


async def _core(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    database = await Database.open(settings.database)
    vault = Vault([key.get_secret_value() for key in settings.secret.keys])
    app[CORE] = Core(database, OfferBook(), vault, Changes(app[LINK], app[LISTENERS]), settings.booking)
    async with Outbound(allowed_networks=settings.calendar.allowed_networks) as outbound:
        exchange = GuardedExchange(outbound, settings.calendar)
        app[ACCOUNTS] = Accounts(exchange, vault, settings.calendar, base_url=settings.http.base_url)
        yield
    await database.close()
    await app[LINK].close()
    await app[LIMITS].close()


async def _listening(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(app[LISTENERS].run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _settle(_: web.Application) -> None:
    """What was made to start the process stays: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


async def _end_streams(app: web.Application) -> None:
    """Open streams would keep the process waiting; their clients come back to another one."""
    for task in list(app[STREAMS].all):
        if task is not None:
            task.cancel()


def run_web(settings: Settings) -> None:
    """Serves until SIGINT or SIGTERM, then lets running requests end."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if not settings.http.access_log:
        logging.getLogger("bookable.access").setLevel(logging.WARNING)
    app = build_app(settings)
    app.on_startup.append(_settle)
    asyncio.run(_serve(app, settings.http))


async def _serve(app: web.Application, http: HttpSettings) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    runner = Runner(app, access_log=None, shutdown_timeout=10, keepalive_timeout=75)
    try:
        await runner.setup()
        await web.TCPSite(runner, http.host, http.port, reuse_port=True).start()
        await ended.wait()
    finally:
        await runner.cleanup()
