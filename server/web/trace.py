"""
Owns what surrounds every request: its id, problems for errors, headers that all answers carry, CORS, the log.

Leaves the request itself to its route, and counting to `tally`.
"""

import itertools
import logging
import re
import secrets
import time

from aiohttp import hdrs, web
from multidict import istr

from server.web.answers import SAFE
from server.web.cors import allow_origin
from server.web.keys import REQUEST_ID, TALLY, TRANSPORT
from server.web.pages.error import error_page, wants_page
from server.web.problems import problem
from server.web.route import Handler

log = logging.getLogger("bookable.access")

X_REQUEST_ID = istr("X-Request-Id")
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_PROCESS = secrets.token_hex(6)
_NUMBERS = itertools.count(1)


@web.middleware
async def surround(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost layer: whatever happens inside, an answer leaves with an id and the headers that all carry."""
    started = time.perf_counter()
    request_id = request.headers.get(X_REQUEST_ID)
    if request_id is None or not _ACCEPTED_ID.fullmatch(request_id):
        request_id = f"{_PROCESS}-{next(_NUMBERS):x}"
    request[REQUEST_ID] = request_id
    try:
        response = await handler(request)
    except Exception as error:  # noqa: BLE001  # the one place that answers for everything
        response = problem(error, request_id)
        if wants_page(request):
            response = error_page(request, response)
    if not response.prepared:
        headers = response.headers
        headers[X_REQUEST_ID] = request_id
        if hdrs.VARY not in headers:
            headers.extend(SAFE)
        if transport := request.app[TRANSPORT]:
            headers["Strict-Transport-Security"] = transport
        if hdrs.ORIGIN in request.headers:
            await allow_origin(request, response)
    seconds = time.perf_counter() - started
    # By route, never by path: paths hold tokens.
    resource = request.match_info.route.resource
    request.app[TALLY].count(resource, request.method, response.status, seconds)
    if log.isEnabledFor(logging.INFO):
        route = resource.canonical if resource is not None else "unmatched"
        log.info("%s %s %d %.1f ms %s", request.method, route, response.status, seconds * 1000, request_id)
    return response
