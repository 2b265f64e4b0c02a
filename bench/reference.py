"""
Owns the ceiling: a bare aiohttp handler that answers a constant JSON, served with the settings of our web process.

Leaves comparing to `measure`.

    python -m bench.reference BYTES     listens on BOOKABLE_HTTP_PORT
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from aiohttp import web

from bench.services import Listener, listening


@contextlib.contextmanager
def reference(body_bytes: int, folder: Path) -> Iterator[Listener]:
    """The bare handler as a process, answering *body_bytes* bytes."""
    with listening("reference", ("-P", "-m", "bench.reference", str(body_bytes)), folder, {}) as listener:
        yield listener


def _app(body_bytes: int) -> web.Application:
    body = json.dumps("x" * (body_bytes - 2)).encode()

    async def constant(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/constant", constant)
    app.router.add_get("/healthz", constant)
    return app


def main() -> None:
    """Serves until SIGTERM, like `server.app.run_web`."""
    web.run_app(
        _app(int(sys.argv[1])),
        host=os.environ["BOOKABLE_HTTP_HOST"],
        port=int(os.environ["BOOKABLE_HTTP_PORT"]),
        access_log=None,
        print=None,
        reuse_port=True,
        handle_signals=True,
        shutdown_timeout=10,
        keepalive_timeout=75,
    )


if __name__ == "__main__":
    main()
