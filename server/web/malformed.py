"""
Owns what happens below the application: requests that are no HTTP, and errors that no handler could answer.

Leaves everything that can be routed to `trace`. aiohttp would log the octets of a malformed request, tokens among them,
and answer with them and its own version.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from server.web.answers import PRIVATE
from server.web.keys import TALLY
from server.web.problems import INTERNAL, MALFORMED, plain_problem

log = logging.getLogger(__name__)

_LINE_EVERY_S = 60.0
_LOUD = ("aiohttp.server", "aiohttp.internal", "aiohttp.web")
"""Loggers that quote requests."""


class Malformed:
    """Counts malformed requests; a line a minute at most says how many, and nothing of what was in them."""

    def __init__(self, count: Callable[[], None], now: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._now = now
        self._unsaid = 0
        self._silent_until = -_LINE_EVERY_S

    def note(self, error: BaseException | None, peer: str | None) -> None:
        """One more, from *peer*."""
        self._count()
        self._unsaid += 1
        if self._now() < self._silent_until:
            return
        log.warning("malformed requests: %d, the last from %s (%s)", self._unsaid, peer, type(error).__name__)
        self._unsaid = 0
        self._silent_until = self._now() + _LINE_EVERY_S


class _Handler(web.RequestHandler):
    """A connection whose errors are answered and logged by us."""

    __slots__ = ("_malformed",)

    def __init__(self, manager: web.Server, malformed: Malformed, **options: object) -> None:
        super().__init__(manager, **options)  # type: ignore[arg-type]  # as `Server` passes them on
        self._malformed = malformed

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """A fixed answer: nothing of *message*, which quotes the request."""
        del message
        is_theirs = status < 500 or isinstance(exc, HttpProcessingError)
        if is_theirs:
            self._malformed.note(exc, request.remote)
        else:
            log.error("unexpected error below the application", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer had begun")
        answer = plain_problem(MALFORMED if is_theirs else INTERNAL)
        answer.headers.update(PRIVATE)
        answer.force_close()
        return answer


class _Server(web.Server):
    """Makes such connections."""

    def __init__(self, like: web.Server, malformed: Malformed) -> None:
        super().__init__(
            like.request_handler,
            request_factory=like.request_factory,
            handler_cancellation=like.handler_cancellation,
            loop=asyncio.get_running_loop(),
            **like._kwargs,  # noqa: SLF001  # what the runner was given for connections
        )
        self._malformed = malformed

    def __call__(self) -> web.RequestHandler:
        return _Handler(self, self._malformed, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application on connections that keep quiet about what they could not read."""

    async def _make_server(self) -> web.Server:
        for name in _LOUD:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        return _Server(await super()._make_server(), Malformed(self.app[TALLY].count_malformed))
