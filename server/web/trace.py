"""
Owns what surrounds every request: its id, problems for errors, headers for all answers, CORS, the log and the metrics.

Leaves the request itself to its route.
"""

import logging
import re
import time
import uuid

from aiohttp import hdrs, web
from prometheus_client import Counter, Histogram

from server.web.cors import allow_origin
from server.web.keys import REQUEST_ID
from server.web.problems import problem
from server.web.route import Handler

log = logging.getLogger("bookable.access")

REQUESTS = Counter("bookable_http_requests_total", "Requests answered", ["route", "method", "status"])
SECONDS = Histogram(
    "bookable_http_request_seconds",
    "Time to answer",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}


@web.middleware
async def surround(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost layer: whatever happens inside, an answer leaves with an id and the headers that all carry."""
    started = time.perf_counter()
    request_id = request.headers.get("X-Request-Id", "")
    if not _REQUEST_ID.fullmatch(request_id):
        request_id = uuid.uuid4().hex
    request[REQUEST_ID] = request_id
    try:
        response = await handler(request)
    except Exception as error:  # noqa: BLE001  # the one place that answers for everything
        response = problem(error, request_id)
    if not response.prepared:
        headers = response.headers
        headers["X-Request-Id"] = request_id
        for name, value in _SAFE.items():
            headers.setdefault(name, value)
        if hdrs.ORIGIN in request.headers:
            await allow_origin(request, response)
        headers.add(hdrs.VARY, hdrs.ORIGIN)
    _count(request, response, time.perf_counter() - started)
    return response


def _count(request: web.Request, response: web.StreamResponse, seconds: float) -> None:
    """Counted and logged by route, never by path: paths hold tokens."""
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "unmatched"
    REQUESTS.labels(route, request.method, response.status).inc()
    SECONDS.labels(route).observe(seconds)
    if log.isEnabledFor(logging.INFO):
        log.info("%s %s %d %.1f ms %s", request.method, route, response.status, seconds * 1000, request[REQUEST_ID])
