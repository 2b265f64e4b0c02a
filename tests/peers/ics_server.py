"""
Owns a calendar that somebody publishes as one file: with an ETag and 304, as good servers do, or in all the wrong ways.

Leaves calendars that can be written to `calendar_servers`.
"""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from tests.peers.webhook_receiver import http_server

EMPTY = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Published//EN\r\nEND:VCALENDAR\r\n"
CALENDAR = "text/calendar; charset=utf-8"

Answer = Callable[["IcsServer", web.Request], Awaitable[web.StreamResponse]]


@dataclass
class IcsServer:
    """One published calendar."""

    url: str = ""
    """Of the file."""
    text: str = EMPTY
    with_etag: bool = True
    answer: Answer | None = None
    """Answers instead."""
    requests: list[dict[str, str]] = field(default_factory=list)
    """Headers of every request, names in lower case."""
    statuses: list[int] = field(default_factory=list)
    """What was answered to each."""

    @property
    def etag(self) -> str:
        """Of the text as it is now."""
        return f'"{hashlib.sha256(self.text.encode()).hexdigest()[:16]}"'

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """GET of the file."""
        self.requests.append({name.lower(): value for name, value in request.headers.items()})
        response = await (self.answer(self, request) if self.answer else self._publish(request))
        self.statuses.append(response.status)
        return response

    async def _publish(self, request: web.Request) -> web.StreamResponse:
        headers = {"ETag": self.etag} if self.with_etag else {}
        if self.with_etag and request.headers.get("If-None-Match") == self.etag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=self.text.encode(), headers={"Content-Type": CALENDAR, **headers})


def says(status: int, body: str | bytes = b"", kind: str = CALENDAR, **headers: str) -> Answer:
    """This answer; `Retry_After="3"` is a header."""
    sent = {"Content-Type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}

    async def answer(_server: IcsServer, _request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=sent, body=body.encode() if isinstance(body, str) else body)

    return answer


def login_page() -> Answer:
    """What was a calendar once asks for a password now."""
    return says(200, "<!DOCTYPE html><html><body><h1>Sign in</h1></body></html>", "text/html; charset=utf-8")


def empty() -> Answer:
    """Nothing at all."""
    return says(200)


def wrong_type() -> Answer:
    """The calendar, as a type that is none."""

    async def answer(server: IcsServer, _request: web.Request) -> web.StreamResponse:
        return web.Response(body=server.text.encode(), headers={"Content-Type": "application/octet-stream"})

    return answer


def shortened(keep: float = 0.5) -> Answer:
    """The file ends in its middle, and HTTP is none the wiser."""

    async def answer(server: IcsServer, _request: web.Request) -> web.StreamResponse:
        body = server.text.encode()
        return web.Response(body=body[: int(len(body) * keep)], headers={"Content-Type": CALENDAR})

    return answer


def truncated(keep: float = 0.5) -> Answer:
    """The connection ends within the body."""

    async def answer(server: IcsServer, request: web.Request) -> web.StreamResponse:
        body = server.text.encode()
        response = web.StreamResponse(headers={"Content-Type": CALENDAR})
        response.content_length = len(body)
        await response.prepare(request)
        await response.write(body[: int(len(body) * keep)])
        assert request.transport
        request.transport.close()
        return response

    return answer


def huge(megabytes: int = 50) -> Answer:
    """A calendar of that size, in pieces and unannounced."""

    async def answer(_server: IcsServer, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": CALENDAR})
        await response.prepare(request)
        await response.write(b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n")
        for _ in range(megabytes):
            await response.write(b"X-NOISE:0123456\r\n" * 58_824)
        await response.write(b"END:VCALENDAR\r\n")
        return response

    return answer


def redirect(url: str, status: int = 302) -> Answer:
    """Elsewhere."""
    return says(status, Location=url)


@contextlib.asynccontextmanager
async def ics_server(text: str = EMPTY, *, host: str = "127.0.0.1") -> AsyncIterator[IcsServer]:
    """A server on loopback that publishes *text*."""
    server = IcsServer(text=text)
    async with http_server([web.get("/calendar.ics", server.serve)], host=host) as url:
        server.url = f"{url}/calendar.ics"
        yield server
