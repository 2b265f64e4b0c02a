"""
Owns which web sites may call the API from a browser: those that the business lists, spelled exactly.

Leaves everything else about a request to its route.
"""

import time

from aiohttp import hdrs, web

from server.domain.errors import Unavailable
from server.store.origins import origins_of_business, origins_of_token
from server.tokens import token_hash
from server.web.keys import CORE
from server.web.shapes.base import is_slug

_METHODS = "GET, POST, DELETE"
_HEADERS = "Content-Type, Idempotency-Key, If-None-Match"
_EXPOSED = "ETag, Idempotency-Replayed, Retry-After, X-Request-Id"
_REMEMBER_S = 30.0
_MOST = 10_000

ORIGINS = web.AppKey("origins", dict[str, tuple[float, frozenset[str]]])


async def preflight(request: web.Request) -> web.Response:
    """What a browser asks before a request that is not simple."""
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
    info = request.match_info
    business, token = info.get("business"), info.get("manage_token") or info.get("hold")
    if (business is None and token is None) or not is_slug(business or "any"):
        return frozenset()
    known = request.app[ORIGINS]
    key = business or f"token:{token_hash(token or '').hex()}"
    at, origins = known.get(key, (0.0, frozenset()))
    if time.monotonic() - at < _REMEMBER_S:
        return origins
    try:
        async with request.app[CORE].database.reading() as session:
            if business is not None:
                origins = await origins_of_business(session, business)
            else:
                origins = await origins_of_token(session, token_hash(token or ""))
    except Unavailable:
        return origins
    if len(known) >= _MOST:
        known.clear()
    known[key] = (time.monotonic(), origins)
    return origins
