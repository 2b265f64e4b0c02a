"""
Owns turning shapes into JSON answers.

Leaves errors to `problems`.
"""

from collections.abc import Mapping

from aiohttp import hdrs, web

from server.usecases.once import Replay
from server.web.shapes.base import Shape

SAFE: dict[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    hdrs.VARY: hdrs.ORIGIN,
    hdrs.SERVER: "Bookable",
}
"""What every answer carries."""
PRIVATE: dict[str, str] = {**SAFE, hdrs.CACHE_CONTROL: "no-store"}


def as_json(shape: Shape) -> bytes:
    """*shape* as JSON; what is unset is left out."""
    return shape.model_dump_json(by_alias=True).encode()


def json_answer(shape: Shape, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer that nobody but the caller should keep."""
    return raw_answer(as_json(shape), status=status, headers=headers)


def raw_answer(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """The same for JSON that is rendered already."""
    return web.Response(
        body=body, status=status, content_type="application/json", headers={**PRIVATE, **(headers or {})}
    )


def replayed(replay: Replay) -> web.Response:
    """The answer that the same request got before."""
    return raw_answer(replay.body, status=replay.status, headers={"Idempotency-Replayed": "true"})
