"""
Owns web processes for tests that need several, or one that can be killed: real ones, sharing a port.

Leaves the servers behind them to `services`.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping

from tests.world import SECRET


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def web_processes(number: int, *, database_url: str, redis_url: str | None = None, **settings: str) -> Iterator[str]:
    """The base URL of *number* web processes on one port."""
    port = free_port()
    here = f"http://127.0.0.1:{port}"
    settings = {"BOOKABLE_HTTP_PORT": str(port), "BOOKABLE_HTTP_BASE_URL": here, **settings}
    with _running("web", number, database_url, redis_url, settings):
        _wait_for(f"{here}/healthz", answers=number * 4)
        yield here


@contextlib.contextmanager
def worker_process(*, database_url: str, redis_url: str | None = None, **settings: str) -> Iterator[None]:
    """A worker at work."""
    with _running("worker", 1, database_url, redis_url, settings):
        yield


@contextlib.contextmanager
def _running(
    command: str, number: int, database_url: str, redis_url: str | None, settings: Mapping[str, str]
) -> Iterator[None]:
    environment = {
        **os.environ,
        "BOOKABLE_DATABASE_URL": database_url,
        "BOOKABLE_SECRET_KEYS": SECRET,
        "BOOKABLE_LIMIT_EXEMPT": "127.0.0.0/8",
        **({"BOOKABLE_REDIS_URL": redis_url} if redis_url else {}),
        **settings,
    }
    line = [sys.executable, "-m", "server.cli.main", command]
    processes = [subprocess.Popen(line, env=environment, stderr=subprocess.DEVNULL) for _ in range(number)]
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()
            process.wait()


def _wait_for(url: str, *, answers: int) -> None:
    """Until it has answered so often: connections are spread over the processes that listen already."""
    deadline = time.monotonic() + 110
    while answers:
        try:
            with urllib.request.urlopen(url, timeout=2):
                answers -= 1
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.05)
