"""
Owns listeners that must not be called, and ones that answer with whatever bytes a test wants.

Leaves proper HTTP receivers to `webhook_receiver` and `twilio`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

Misbehave = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Canary:
    """Counts who connects."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0


@contextlib.asynccontextmanager
async def canary(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Canary]:
    """A listener on *host* that answers nothing."""
    bird = Canary()

    async def sing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bird.connections += 1
        writer.close()

    server = await asyncio.start_server(sing, host, port)
    bird.port = server.sockets[0].getsockname()[1]
    async with server:
        yield bird


@contextlib.asynccontextmanager
async def raw_server(misbehave: Misbehave) -> AsyncIterator[str]:
    """The URL of a server that reads the head of a request, and then does what *misbehave* does."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            await misbehave(writer)
        writer.close()
        tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
