"""
Owns a wire to Postgres that breaks at the worst moment: after the server has committed, before it can say so.

Leaves Postgres itself to `services`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_SOCKET = ".s.PGSQL.5432"
_COMMIT = b"COMMIT\0"


class Wire:
    """Forwards bytes both ways over unix sockets."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self.break_at_commit = False
        """Armed: the answer to the next COMMIT is swallowed, and the connection with it."""
        self.broken = 0

    async def serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """One connection."""
        server, to_server = await asyncio.open_unix_connection(self._target)
        committing = asyncio.Event()

        async def there() -> None:
            while data := await client.read(65_536):
                if self.break_at_commit and _COMMIT in data:
                    self.break_at_commit = False
                    committing.set()
                to_server.write(data)
                await to_server.drain()

        async def back() -> None:
            while data := await server.read(65_536):
                if committing.is_set():
                    self.broken += 1
                    return
                to_client.write(data)
                await to_client.drain()

        ways = [asyncio.create_task(there()), asyncio.create_task(back())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for writer in (to_server, to_client):
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def breakable_wire(database_url: str, folder: Path) -> AsyncIterator[tuple[Wire, str]]:
    """A wire to the database of *database_url*, and the URL that goes over it."""
    host = parse_qs(urlsplit(database_url).query)["host"][0]
    wire = Wire(Path(host) / _SOCKET)
    server = await asyncio.start_unix_server(wire.serve, folder / _SOCKET)
    try:
        yield wire, database_url.replace(host, str(folder))
    finally:
        server.close()
