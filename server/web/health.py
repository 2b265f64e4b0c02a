"""
Owns liveness, readiness and metrics.

Leaves counting to `trace`.
"""

from collections.abc import Iterator, Mapping, Sequence

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from server.domain.errors import Unavailable
from server.redis.heartbeats import Heartbeat, living
from server.store.deliveries import Backlog, backlog
from server.store.outage import Outage, outage_of
from server.supervision import LoopReport
from server.web.answers import json_answer
from server.web.keys import CORE, LINK, LOOPS, TALLY
from server.web.shapes.health import DatabaseState, Readiness, WorkerState

_REMEMBERED_S = 15.0
_DATABASE: Mapping[Outage | None, DatabaseState] = {
    Outage.BUSY: "busy",
    Outage.READ_ONLY: "read-only",
    Outage.FULL: "full",
    Outage.REFUSED: "refused",
    Outage.SCHEMA: "schema",
}


async def healthz(_: web.Request) -> web.Response:
    """The process answers."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Whether bookings can be taken. Redis and the worker may be missing: that is slower, not wrong."""
    database, queue = await _look(request)
    workers = await request.app[LINK].ask(living)
    readiness = Readiness(
        ready=database == "up",
        database=database,
        redis="down" if workers is None else "up",
        worker=_state_of(workers),
        stalled_loops=tuple(sorted({name for worker in workers or () for name in worker.stalled})),
        facts_open=queue.facts if queue is not None else None,
        oldest_fact_s=round(queue.oldest_fact_s, 1) if queue is not None else None,
        queue_age_s=round(queue.oldest_s, 1) if queue is not None else None,
    )
    return json_answer(readiness, status=200 if readiness.ready else 503)


def _state_of(workers: Sequence[Heartbeat] | None) -> WorkerState:
    """One that gets on is enough."""
    if workers is None:
        return "unknown"
    if not workers:
        return "down"
    return "stalled" if all(worker.stalled for worker in workers) else "up"


async def metrics(request: web.Request) -> web.Response:
    """For Prometheus: what this process has answered, its own memory and processor time, and what waits in Postgres."""
    body = generate_latest(REGISTRY) + generate_latest(request.app[TALLY].registry)
    _, queue = await _look(request)
    if queue is not None:
        body += generate_latest(_QueueMetrics(queue))
    workers = await request.app[LINK].ask(living) or []
    body += generate_latest(
        _LoopMetrics([("web", request.app[LOOPS].reports()), *((w.worker, w.loops) for w in workers)])
    )
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _look(request: web.Request) -> tuple[DatabaseState, Backlog | None]:
    """How Postgres is, asked in the way that bookings ask it, and what waits there to be done."""
    database = request.app[CORE].database
    try:
        queue = await database.transact(backlog)
    except Unavailable as error:
        return _DATABASE.get(outage_of(error.__cause__), "down"), None
    return "full" if database.was_full(_REMEMBERED_S) else "up", queue


class _QueueMetrics(CollectorRegistry):
    """The backlog as gauges; the same from every process, so that one of them is enough to watch."""

    def __init__(self, queue: Backlog) -> None:
        super().__init__(auto_describe=False)
        self._queue = queue

    def collect(self) -> Iterator[Metric]:
        """For Prometheus."""
        yield GaugeMetricFamily("bookable_facts_open", "Facts that nobody was told yet", self._queue.facts)
        yield GaugeMetricFamily("bookable_facts_parked", "Facts that cannot be told, set aside", self._queue.parked)
        yield GaugeMetricFamily(
            "bookable_fact_oldest_seconds", "Age of the oldest open fact", self._queue.oldest_fact_s
        )
        yield GaugeMetricFamily("bookable_deliveries_due", "Deliveries that are due", self._queue.due)
        yield GaugeMetricFamily("bookable_deliveries_dead", "Deliveries given up, to be looked at", self._queue.dead)
        yield GaugeMetricFamily(
            "bookable_payments_stuck",
            "Payments that wait for a person, or have been on their way back for over an hour",
            self._queue.stuck_payments,
        )
        yield GaugeMetricFamily(
            "bookable_rows_set_aside", "Rows that made a batch fail and wait for their next look", self._queue.set_aside
        )
        yield GaugeMetricFamily(
            "bookable_delivery_oldest_seconds", "How long the oldest has been due", self._queue.oldest_s
        )


class _LoopMetrics(CollectorRegistry):
    """The loops of this process and, as they said themselves, of the workers."""

    def __init__(self, processes: Sequence[tuple[str, Sequence[LoopReport]]]) -> None:
        super().__init__(auto_describe=False)
        self._processes = processes

    def collect(self) -> Iterator[Metric]:
        """For Prometheus."""
        labels = ["process", "loop"]
        age = GaugeMetricFamily("bookable_loop_age_seconds", "Since a loop's last good turn", labels=labels)
        errors = CounterMetricFamily("bookable_loop_errors", "Turns of a loop that failed", labels=labels)
        for process, loops in self._processes:
            for loop in loops:
                age.add_metric([process, loop.name], loop.age_s)
                errors.add_metric([process, loop.name], loop.errors)
        yield age
        yield errors
