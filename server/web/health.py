"""
Owns liveness, readiness and metrics.

Leaves counting to `trace`.
"""

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from server.domain.errors import Unavailable
from server.redis.heartbeats import living
from server.web.answers import json_answer
from server.web.keys import CORE, LINK, TALLY
from server.web.shapes.health import Readiness


async def healthz(_: web.Request) -> web.Response:
    """The process answers."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Whether bookings can be taken. Redis and the worker may be missing: that is slower, not wrong."""
    database = True
    try:
        async with request.app[CORE].database.reading() as session:
            await session.value("SELECT 1")
    except Unavailable:
        database = False
    workers = await request.app[LINK].ask(living)
    readiness = Readiness(
        ready=database,
        database="up" if database else "down",
        redis="down" if workers is None else "up",
        worker="unknown" if workers is None else "up" if workers else "down",
    )
    return json_answer(readiness, status=200 if database else 503)


async def metrics(request: web.Request) -> web.Response:
    """For Prometheus: what this process has answered, and its own memory and processor time."""
    body = generate_latest(REGISTRY) + generate_latest(request.app[TALLY].registry)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
