"""
Owns liveness, readiness and metrics.

Leaves counting to `trace`.
"""

from collections.abc import Iterator

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily

from server.domain.errors import Unavailable
from server.redis.heartbeats import living
from server.store.deliveries import Backlog, backlog
from server.web.answers import json_answer
from server.web.keys import CORE, LINK, TALLY
from server.web.shapes.health import Readiness


async def healthz(_: web.Request) -> web.Response:
    """The process answers."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Whether bookings can be taken. Redis and the worker may be missing: that is slower, not wrong."""
    queue = await _queue(request)
    database = queue is not None
    workers = await request.app[LINK].ask(living)
    readiness = Readiness(
        ready=database,
        database="up" if database else "down",
        redis="down" if workers is None else "up",
        worker="unknown" if workers is None else "up" if workers else "down",
        queue_age_s=round(queue.oldest_s, 1) if queue is not None else None,
    )
    return json_answer(readiness, status=200 if database else 503)


async def metrics(request: web.Request) -> web.Response:
    """For Prometheus: what this process has answered, its own memory and processor time, and what waits in Postgres."""
    body = generate_latest(REGISTRY) + generate_latest(request.app[TALLY].registry)
    queue = await _queue(request)
    if queue is not None:
        body += generate_latest(_QueueMetrics(queue))
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _queue(request: web.Request) -> Backlog | None:
    """What waits to be sent; None while Postgres is away."""
    try:
        async with request.app[CORE].database.reading() as session:
            return await backlog(session)
    except Unavailable:
        return None


class _QueueMetrics(CollectorRegistry):
    """The backlog as gauges; the same from every process, so that one of them is enough to watch."""

    def __init__(self, queue: Backlog) -> None:
        super().__init__(auto_describe=False)
        self._queue = queue

    def collect(self) -> Iterator[Metric]:
        """For Prometheus."""
        yield GaugeMetricFamily("bookable_facts_open", "Facts that nobody was told yet", self._queue.facts)
        yield GaugeMetricFamily("bookable_deliveries_due", "Deliveries that are due", self._queue.due)
        yield GaugeMetricFamily("bookable_deliveries_dead", "Deliveries given up, to be looked at", self._queue.dead)
        yield GaugeMetricFamily(
            "bookable_rows_set_aside", "Rows that made a batch fail and wait for their next look", self._queue.set_aside
        )
        yield GaugeMetricFamily(
            "bookable_delivery_oldest_seconds", "How long the oldest has been due", self._queue.oldest_s
        )
