"""
Owns wiring the web process: from settings to an application that serves.

Leaves the URL table to `web/routes`.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial

from aiohttp import web

from server.calendars.exchange import GuardedExchange
from server.domain.errors import Unavailable
from server.outbound import Outbound
from server.payments import open_methods
from server.proof_of_work import ProofOfWork
from server.redis.availability_cache import AvailabilityCache
from server.redis.changes import Changes
from server.redis.connection import RedisLink
from server.redis.listeners import Change, Listeners
from server.redis.rate_limits import RateLimits
from server.redis.versions import Versions
from server.settings import HttpSettings, Settings
from server.store.engine import Database
from server.store.offers import OfferBook
from server.supervision import Loops, run_forever, stop_event
from server.tokens import Vault
from server.usecases.calendar_accounts import Accounts
from server.usecases.check_secret import check_secret, until_secret_fits
from server.usecases.core import Core
from server.usecases.setup import capabilities_of
from server.web.cors import ORIGINS, KnownOrigins
from server.web.keys import (
    ACCOUNTS,
    CACHE,
    CAPABILITIES,
    CORE,
    ENDED,
    LIMITS,
    LINK,
    LISTENERS,
    LOOPS,
    METHODS,
    OPENED,
    PROXIES,
    SETTINGS,
    STREAMS,
    TALLY,
    TRANSPORT,
    OpenStreams,
)
from server.web.malformed import Runner
from server.web.opened_feeds import OpenedFeeds
from server.web.pages.mailbox import add_mailbox
from server.web.proofs import CHALLENGES, Challenges
from server.web.proxies import ProxyWatch
from server.web.routes import add_routes
from server.web.tally import Tally
from server.web.trace import surround

log = logging.getLogger(__name__)

_STALLED_AFTER_S = 60.0
_SHUTDOWN_S = 10.0
"""For requests that run when the process is asked to stop."""
_GRACE_S = 3.0


def build_app(settings: Settings) -> web.Application:
    """The web application; it connects when it starts."""
    app = web.Application(middlewares=[surround], client_max_size=settings.http.body_limit_bytes)
    app[SETTINGS] = settings
    app[LIMITS] = RateLimits(settings)
    app[ORIGINS] = KnownOrigins()
    app[TALLY] = Tally()
    app[TRANSPORT] = _transport_security(settings.http)
    app[STREAMS] = OpenStreams()
    app[LOOPS] = Loops()
    app[ENDED] = []
    app[METHODS] = open_methods(settings.payment)
    app[CAPABILITIES] = capabilities_of(settings)
    link = RedisLink(settings.redis)
    cache = AvailabilityCache(Versions(link), settings.cache)
    app[LINK] = link
    app[PROXIES] = ProxyWatch(settings.http, link)
    app[CACHE] = cache
    opened = OpenedFeeds()
    app[OPENED] = opened

    def forget(change: Change) -> None:
        cache.forget(change.business)
        opened.forget(change.business)

    app[LISTENERS] = Listeners(settings.redis.url, heard=forget)
    app.cleanup_ctx.append(_core)
    app.cleanup_ctx.append(_secret)
    app.cleanup_ctx.append(_listening)
    app.on_shutdown.append(_end_streams)
    add_routes(app)
    add_mailbox(app)
    return app


def _transport_security(http: HttpSettings) -> str:
    """For this host alone: what else lies under the same domain is not ours to promise."""
    return f"max-age={http.hsts_s}" if http.base_url.startswith("https:") and http.hsts_s else ""


async def _core(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    database = await Database.open(settings.database)
    vault = Vault([key.get_secret_value() for key in settings.secret.keys])
    app[CHALLENGES] = Challenges(ProofOfWork(settings.proof, vault.proof_keys(), now=lambda: datetime.now(UTC)))
    app[CORE] = Core(database, OfferBook(), vault, Changes(app[LINK], app[LISTENERS]), settings.booking)
    async with Outbound(allowed_networks=settings.calendar.allowed_networks) as outbound:
        exchange = GuardedExchange(outbound, settings.calendar)
        app[ACCOUNTS] = Accounts(exchange, vault, settings.calendar, base_url=settings.http.base_url)
        yield
    await database.close()
    await app[PROXIES].close()
    await app[LINK].close()
    await app[LIMITS].close()


async def _secret(app: web.Application) -> AsyncIterator[None]:
    """With a wrong secret nothing is served; while Postgres is away it is not known yet, and nothing can be booked."""
    core, later = app[CORE], None
    try:
        await check_secret(core.database, core.vault)
    except Unavailable:
        later = asyncio.create_task(until_secret_fits(core.database, core.vault))
        later.add_done_callback(partial(_ended, app))
    yield
    if later is not None:
        later.cancel()
        await asyncio.wait([later])


async def _listening(app: web.Application) -> AsyncIterator[None]:
    loop = app[LOOPS].add("listeners", stalled_after_s=_STALLED_AFTER_S)
    task = asyncio.create_task(run_forever(loop, partial(app[LISTENERS].listen, loop.turned)))
    task.add_done_callback(partial(_ended, app))
    yield
    task.cancel()
    await asyncio.wait([task])


def _ended(app: web.Application, task: "asyncio.Task[None]") -> None:
    """What ended in an error takes the process down: whoever started it starts it anew."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.critical("a part has ended; so does this process", exc_info=error)
        app[ENDED].append(error)
        signal.raise_signal(signal.SIGTERM)


async def _settle(_: web.Application) -> None:
    """What was made to start the process stays: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


async def _end_streams(app: web.Application) -> None:
    """Open streams would keep the process waiting; their clients come back to another one."""
    app[STREAMS].ending = True
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
    if app[ENDED]:
        raise app[ENDED][0]


async def _serve(app: web.Application, http: HttpSettings) -> None:
    ended = stop_event(_SHUTDOWN_S + _GRACE_S)
    runner = Runner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S, keepalive_timeout=75)
    try:
        await runner.setup()
        await web.TCPSite(runner, http.host, http.port, reuse_port=True).start()
        await ended.wait()
    finally:
        await runner.cleanup()
