"""
Owns an endpoint as a business would write it: it verifies with the official library, and fails in every way.

Leaves peers that do not even speak HTTP to `canary`.
"""

import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Receiver:
    """Knows one secret, as a receiver does; answers 204 to what it could verify, and 401 to what not."""

    url: str = ""
    secret: str = ""
    answer: Answer | None = None
    """Answers verified calls instead."""
    verified: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Message ids and events, in the order of arrival."""
    rejected: list[str] = field(default_factory=list)
    """Why each of the others was not believed."""
    headers: list[dict[str, str]] = field(default_factory=list)
    """Of every call, names in lower case."""

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """One call."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.headers.append(headers)
        try:
            event = Webhook(self.secret).verify(await request.read(), headers)
        except WebhookVerificationError as error:
            self.rejected.append(str(error))
            return web.Response(status=401)
        self.verified.append((headers["webhook-id"], event))
        return await self.answer(request) if self.answer else web.Response(status=204)


def says(status: int, *, text: str = "", headers: dict[str, str] | None = None) -> Answer:
    """Answers always the same."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers=headers)

    return answer


@contextlib.asynccontextmanager
async def webhook_receiver(secret: str) -> AsyncIterator[Receiver]:
    """A receiver on loopback that knows *secret*."""
    receiver = Receiver(secret=secret)
    async with http_server([web.post("/hook", receiver.receive)]) as url:
        receiver.url = url + "/hook"
        yield receiver


@contextlib.asynccontextmanager
async def http_server(
    routes: Sequence[web.RouteDef], *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """The URL, without a slash at its end, of a server with these *routes*."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, host, port, ssl_context=tls)
    await site.start()
    bound = runner.addresses[0][1]
    try:
        yield f"{'https' if tls else 'http'}://{host}:{bound}"
    finally:
        await runner.cleanup()
