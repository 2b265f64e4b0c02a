"""
Owns what a measurement runs on: Postgres and Redis with the settings of production, and our web processes.

Leaves what is in the database to `seed`, and asking the web processes to `load`.
"""

import asyncio
import contextlib
import http.client
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from server.embedded.child import Child, Part, start
from server.embedded.errors import PartFailed
from server.embedded.postgres import EmbeddedPostgres
from server.embedded.redis import EmbeddedRedis
from server.store.migrate import migrate

HOST = "127.0.0.1"
ON_DISK = Path("/var/tmp")  # /tmp is often memory, where a commit costs nothing
WEB = ("-P", "-m", "server.cli.main", "web")
SETTINGS = {
    "BOOKABLE_LIMIT_EXEMPT": "127.0.0.0/8,::1",
    "BOOKABLE_SECRET_KEYS": "a-secret-of-the-benchmark-that-is-worth-nothing",
}


@dataclass(frozen=True)
class Listener:
    """A process that answers HTTP."""

    port: int
    pid: int

    @property
    def address(self) -> tuple[str, int]:
        """Where to connect."""
        return HOST, self.port


@dataclass(frozen=True)
class Services:
    """A running Postgres and Redis."""

    folder: Path
    postgres: EmbeddedPostgres
    postmaster: int
    redis: EmbeddedRedis
    redis_pid: int

    def migrated(self, database: str) -> str:
        """Address of a new database with our tables."""
        self.postgres.create_database(database)
        asyncio.run(migrate(self.postgres.url(database)))
        return self.postgres.url(database)

    @contextlib.contextmanager
    def web(
        self, database_url: str, *, processes: int = 1, cache_ttl_s: int = 60, command: Sequence[str] = WEB
    ) -> Iterator[list[Listener]]:
        """Our web processes, each on a port of its own, as behind a load balancer that spreads connections evenly."""
        environment = {
            **SETTINGS,
            "BOOKABLE_DATABASE_URL": database_url,
            "BOOKABLE_REDIS_URL": self.redis.url,
            "BOOKABLE_CACHE_TTL_S": str(cache_ttl_s),
        }
        with contextlib.ExitStack() as stack:
            yield [
                stack.enter_context(listening(f"web-{n}", command, self.folder, environment)) for n in range(processes)
            ]


@contextlib.contextmanager
def services() -> Iterator[Services]:
    """Postgres and Redis in a temporary folder on disk; all of it is gone afterwards."""
    for name in [name for name in os.environ if name.startswith("BOOKABLE_")]:
        del os.environ[name]  # an operator's own settings
    folder = Path(tempfile.mkdtemp(prefix="bookable-bench-", dir=ON_DISK if ON_DISK.is_dir() else None))
    folder.chmod(0o711)  # root's Postgres runs as a user of its own, who must pass here
    try:
        postgres, redis = EmbeddedPostgres(folder / "postgres"), EmbeddedRedis(folder / "redis")
        with _running(postgres.part()) as database, _running(redis.part()) as cache:
            yield Services(folder, postgres, database.pid, redis, cache.pid)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def listening(name: str, command: Sequence[str], folder: Path, environment: dict[str, str]) -> Iterator[Listener]:
    """A Python process that serves HTTP on a free port; what it logs goes to a file, as under a supervisor."""
    port = free_port()
    log = folder / f"{name}-{port}.log"
    part = Part(
        name=name,
        command=["/bin/sh", "-c", 'log=$1; shift; exec "$@" 2>"$log"', "sh", log, sys.executable, *command],
        environment={
            **environment,
            "BOOKABLE_HTTP_HOST": HOST,
            "BOOKABLE_HTTP_PORT": str(port),
            "BOOKABLE_HTTP_BASE_URL": f"http://{HOST}:{port}",
        },
        is_ready=lambda: fetch(port, "/healthz")[0] == 200,
    )
    try:
        child = start(part)
    except PartFailed as error:
        error.add_note(log.read_text()[-2000:])
        raise
    try:
        yield Listener(port, child.pid)
    finally:
        child.stop()


def fetch(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of one GET; status 0 if nobody answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    except OSError:
        return 0, b""
    finally:
        connection.close()


def cpu_seconds(pids: Sequence[int]) -> float:
    """Processor time that *pids* and their children, the ended ones included, have used so far."""
    spent = 0.0
    for pid in pids:
        process = psutil.Process(pid)
        times = process.cpu_times()
        spent += times.user + times.system + times.children_user + times.children_system
        for child in process.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                own = child.cpu_times()
                spent += own.user + own.system
    return spent


@contextlib.contextmanager
def _running(part: Part) -> Iterator[Child]:
    child = start(part)
    try:
        yield child
    finally:
        child.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
