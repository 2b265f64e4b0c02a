"""
Owns calendar servers that are cheap to ask: one process that is many hosts, each well, hanging, or cutting answers off.

Leaves what calendar servers really say to Radicale. Hosts are loopback addresses, so that a worker tells them apart as
it tells servers apart; each poll is one line in a file. "Nothing has changed" is all that a host that is well says.

    python -m bench.dav_stub PORT FILE WELL HANGING CUTTING     so many hosts of each kind
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

WELL, HANGING, CUTTING, REFUSING = 1, 2, 3, 4
"""Third number of a host's address; nobody listens at those that refuse."""

_MOST = 250

_UNCHANGED = b"""<?xml version="1.0" encoding="utf-8"?>
<multistatus xmlns="DAV:"><sync-token>nothing-is-new</sync-token></multistatus>"""


def hosts(kind: int, number: int) -> list[str]:
    """The addresses of *number* hosts of one *kind*."""
    if number > _MOST:
        raise ValueError(f"more than {_MOST} hosts")
    return [f"127.0.{kind}.{last}" for last in range(1, number + 1)]


def polls(file: Path) -> dict[str, list[float]]:
    """When each calendar was asked about: moments (`time.time`), by its URL without the port."""
    found: dict[str, list[float]] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        at, _, where = line.partition("\t")
        found.setdefault(where, []).append(float(at))
    return found


async def serve(port: int, file: Path, addresses: Sequence[str]) -> None:
    """Until the process ends."""
    with file.open("a", buffering=1) as lines:

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            assert request.transport is not None
            host = request.transport.get_extra_info("sockname")[0]
            lines.write(f"{time.time():.3f}\t{host}{request.path}\n")
            await request.read()
            kind = int(host.split(".")[2])
            if kind == HANGING:
                await asyncio.Event().wait()
            if kind == CUTTING:
                return await _cut(request)
            return web.Response(status=207, body=_UNCHANGED, content_type="application/xml")

        server = web.Server(answer, access_log=None)
        await asyncio.get_running_loop().create_server(server, addresses, port, backlog=1_000)
        await asyncio.Event().wait()


async def _cut(request: web.BaseRequest) -> web.StreamResponse:
    """Half an answer, and the end of the connection."""
    response = web.StreamResponse(status=207, headers={"Content-Type": "application/xml"})
    response.content_length = len(_UNCHANGED)
    await response.prepare(request)
    await response.write(_UNCHANGED[: len(_UNCHANGED) // 2])
    assert request.transport is not None
    request.transport.abort()
    return response


def main() -> None:
    """Serves until it is killed."""
    port, file, *numbers = sys.argv[1:]
    kinds = zip((WELL, HANGING, CUTTING), map(int, numbers), strict=True)
    addresses = [address for kind, number in kinds for address in hosts(kind, number)]
    asyncio.run(serve(int(port), Path(file), addresses))


if __name__ == "__main__":
    main()
