"""
Owns an `Exchange` as plain as can be: over an aiohttp session, to a server on loopback, or to one in this very process.

Leaves guarding addresses to the server's own.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping, Sequence

import aiohttp
from aiohttp import web

from ics.remote.errors import Nonsense, TryLater
from ics.remote.http import Reply

MOST_BYTES = 10_000_000


class HttpExchange:
    """Implements `Exchange`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def __call__(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        try:
            async with self._session.request(method, url, headers=headers, data=body or None) as response:
                content = await response.read()
                if len(content) > MOST_BYTES:
                    raise Nonsense("too large")
                found = {name.lower(): value for name, value in response.headers.items()}
                return Reply(status=response.status, headers=found, body=content, url=str(response.url))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TryLater("no answer") from error


@contextlib.asynccontextmanager
async def http_exchange() -> AsyncIterator[HttpExchange]:
    """To wherever it is told."""
    async with aiohttp.ClientSession() as session:
        yield HttpExchange(session)


@contextlib.asynccontextmanager
async def inner_exchange(routes: Sequence[web.RouteDef]) -> AsyncIterator[HttpExchange]:
    """To a server with *routes* whatever the host in a URL: real HTTP, without a connection to anywhere."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    assert runner.server is not None
    try:
        async with aiohttp.ClientSession(connector=_Inside(runner.server)) as session:
            yield HttpExchange(session)
    finally:
        await runner.cleanup()


class _Inside(aiohttp.BaseConnector):
    """Each connection is a pair of sockets, one end of which is the server's."""

    def __init__(self, server: web.Server) -> None:
        super().__init__(limit=100)
        self._server = server

    async def _create_connection(self, *_: object) -> asyncio.Protocol:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        await loop.connect_accepted_socket(self._server, theirs)
        _, protocol = await loop.create_connection(self._factory, sock=ours)
        return protocol
