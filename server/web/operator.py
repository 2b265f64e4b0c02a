"""
Owns what the people who run this may ask: all of it with their token, once a second however often it is asked.

Leaves the answers to `health`.
"""

import asyncio
import hmac
import time
from dataclasses import dataclass, field

import orjson
from aiohttp import hdrs, web

from server.web.access import Unauthenticated
from server.web.keys import SETTINGS
from server.web.route import Handler

_FRESH_S = 1.0
_BEARER = "Bearer "


@dataclass(slots=True)
class _Kept:
    """The last answer of one handler."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    fresh_until: float = 0.0
    status: int = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


KEPT = web.AppKey("answers for operators", dict[str, _Kept])


def is_operator(request: web.Request) -> bool:
    """Whether the caller has the operators' token; everybody is an operator where none is set."""
    token = request.app[SETTINGS].http.operator_token
    if token is None:
        return True
    shown = request.headers.get(hdrs.AUTHORIZATION, "").removeprefix(_BEARER)
    return hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), token.get_secret_value().encode())


def for_operators(handler: Handler) -> Handler:
    """*handler*, for nobody else."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if not is_operator(request):
            raise Unauthenticated
        return await _kept(request, handler)

    return handle


def in_brief(handler: Handler) -> Handler:
    """*handler*, whose JSON says nobody else more than whether it is ready: load balancers have no token."""

    async def handle(request: web.Request) -> web.StreamResponse:
        answer = await _kept(request, handler)
        if not is_operator(request):
            assert isinstance(answer.body, bytes)
            answer.body = orjson.dumps({"ready": orjson.loads(answer.body)["ready"]})
        return answer

    return handle


async def _kept(request: web.Request, handler: Handler) -> web.Response:
    """The answer of a moment ago, or a new one: these are asked without limits, and must not cost without limits."""
    kept = request.app[KEPT].setdefault(handler.__name__, _Kept())
    async with kept.lock:
        if time.monotonic() >= kept.fresh_until:
            answer = await handler(request)
            assert isinstance(answer, web.Response)
            assert isinstance(answer.body, bytes)
            kept.status, kept.body = answer.status, answer.body
            kept.headers = {name: value for name, value in answer.headers.items() if name != hdrs.CONTENT_LENGTH}
            kept.fresh_until = time.monotonic() + _FRESH_S
    return web.Response(status=kept.status, body=kept.body, headers=kept.headers)
