"""
Owns a mail server that takes everything and writes down what came when: one line per mail, in a process of its own.

    python -m bench.smtp_sink PORT FILE

Leaves what it means to whoever reads the file. The line is flushed before the sender hears 250, so a mail that was
acknowledged is in the file.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP


class Sink:
    """aiosmtpd's handler."""

    def __init__(self, file: Path) -> None:
        self._lines = file.open("a", buffering=1)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        """`time<TAB>recipient<TAB>Message-ID` of each mail."""
        head = envelope.content.split(b"\r\n\r\n", 1)[0].decode("utf-8", "replace")
        message_id = next(line[11:].strip() for line in head.splitlines() if line.lower().startswith("message-id:"))
        self._lines.write(f"{time.time():.3f}\t{envelope.rcpt_tos[0]}\t{message_id}\n")
        return "250 taken"


async def serve(port: int, file: Path) -> None:
    """Until the process ends."""
    sink = Sink(file)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(sink, hostname="sink.example", loop=loop), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def received(file: Path) -> list[tuple[float, str, str]]:
    """`(time, recipient, Message-ID)` of all that came."""
    if not file.exists():
        return []
    lines = [line.split("\t") for line in file.read_text().splitlines()]
    return [(float(at), to, message_id) for at, to, message_id in lines]


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
