"""
Owns which web sites may call the API from a browser: those that the business lists, spelled exactly.

Leaves everything else about a request to its route.
"""

import time

from aiohttp import hdrs, web

from server.domain.errors import TooManyRequests, Unavailable
from server.domain.recent import Recent
from server.store.origins import origins_of_business, origins_of_token
from server.tokens import token_hash
from server.web.client_address import client_address
from server.web.keys import CORE, COUNTED, LIMITS, SETTINGS
from server.web.shapes.base import is_slug

_METHODS = "GET, POST, DELETE"
_HEADERS = "Content-Type, Idempotency-Key, If-None-Match, Booking-Proof"
_EXPOSED = "ETag, Idempotency-Replayed, Retry-After, X-Request-Id"
_REMEMBER_S = 30.0
_MOST = 10_000
_UNKNOWN_S = 5.0
"""A business that was just made may be asked for a moment too early."""
_MOST_UNKNOWN = 2_000

_NONE: frozenset[str] = frozenset()


class KnownOrigins:
    """
    What was looked up lately: origins by business and by hashed token, and the names that are nobody's.

    Two tables: names that anybody invents must not push out those that are asked for all the time.
    """

    def __init__(self) -> None:
        self.listed: Recent[str, frozenset[str]] = Recent(most=_MOST, ttl_s=_REMEMBER_S)
        self.unknown: Recent[str, bool] = Recent(most=_MOST_UNKNOWN, ttl_s=_UNKNOWN_S)


ORIGINS = web.AppKey("origins", KnownOrigins)


async def preflight(request: web.Request) -> web.Response:
    """
    What a browser asks before a request that is not simple. Beyond the limit it is answered from what is known.

    Raises:
        TooManyRequests: It is beyond the limit, and nothing is known.
    """
    address = client_address(request, request.app[SETTINGS].http.trusted_proxies)
    try:
        await request.app[LIMITS].count("preflight", address)
    except TooManyRequests:
        if not _known(request):
            raise
    else:
        request[COUNTED] = True
    response = web.Response(status=204)
    if await _listed(request):
        response.headers["Access-Control-Allow-Methods"] = _METHODS
        response.headers["Access-Control-Allow-Headers"] = _HEADERS
        response.headers["Access-Control-Max-Age"] = "7200"
    return response


async def learn_origins(request: web.Request) -> None:
    """Looks beforehand whose hold this is: when it is let go, nobody can tell any more."""
    if hdrs.ORIGIN in request.headers and "hold" in request.match_info:
        await _origins(request)


async def allow_origin(request: web.Request, response: web.StreamResponse) -> None:
    """Lets the page that asks read the answer, if its site is listed. Never for `null`, never with cookies."""
    if await _listed(request):
        response.headers["Access-Control-Allow-Origin"] = request.headers[hdrs.ORIGIN]
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED


async def _listed(request: web.Request) -> bool:
    origin = request.headers.get(hdrs.ORIGIN, "null")
    if origin == "null" or not request.path.startswith("/v1/"):
        return False
    origins = await _origins(request)
    return origin in origins or "*" in origins


async def _origins(request: web.Request) -> frozenset[str]:
    """The origins of the business that the request is about, as they were half a minute ago at most."""
    subject = _subject(request)
    if subject is None:
        return _NONE
    known, now = request.app[ORIGINS], time.monotonic()
    origins = known.listed.get(subject, now)
    if origins is not None or known.unknown.get(subject, now):
        return origins or _NONE
    if not request.get(COUNTED, False):
        return known.listed.last(subject) or _NONE
    try:
        origins = await _look_up(request, subject)
    except Unavailable:
        return known.listed.last(subject) or _NONE
    if origins is None:
        known.unknown.put(subject, True, now)
        return _NONE
    known.listed.put(subject, origins, now)
    return origins


async def _look_up(request: web.Request, subject: str) -> frozenset[str] | None:
    token = _bearer(request)
    async with request.app[CORE].database.reading() as session:
        if token is None:
            return await origins_of_business(session, subject)
        return await origins_of_token(session, token_hash(token))


def _subject(request: web.Request) -> str | None:
    """Under which name the tables know what the request is about: a business, or a token by its hash."""
    business, token = request.match_info.get("business"), _bearer(request)
    if business is not None:
        return business if is_slug(business) else None
    return f"token:{token_hash(token).hex()}" if token else None


def _bearer(request: web.Request) -> str | None:
    info = request.match_info
    return None if "business" in info else info.get("manage_token") or info.get("hold")


def _known(request: web.Request) -> bool:
    subject = _subject(request)
    return subject is not None and request.app[ORIGINS].listed.last(subject) is not None


def is_unknown_business(app: web.Application, slug: str) -> bool:
    """Whether *slug* was nobody's a moment ago."""
    return app[ORIGINS].unknown.get(slug, time.monotonic()) is not None


def note_unknown_business(request: web.Request) -> None:
    """The business in the request's path was looked for and does not exist."""
    request.app[ORIGINS].unknown.put(request.match_info["business"], True, time.monotonic())
