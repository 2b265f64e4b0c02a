"""
Owns the real Postgres and Redis of a test run: started once, shared by all of its processes, always stopped.

Leaves which test gets which database to `conftest`.
"""

import asyncio
import fcntl
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from server.embedded import child
from server.embedded.postgres import EmbeddedPostgres
from server.embedded.redis import EmbeddedRedis
from server.store.migrate import migrate

T = TypeVar("T")

RUN_FOLDER = "BOOKABLE_TEST_RUN"
"""Environment variable by which the workers of pytest-xdist find the servers of their controller."""

TEMPLATE = "bookable_template"
STRATEGY = "FILE_COPY"
"""Half the time of WAL_LOG (8 ms against 15): its two checkpoints are cheap without fsync."""

REDIS_DATABASES = 64

MEMORY = Path("/dev/shm")
MUCH_MEMORY = 2 * 1024**3

AT_ONCE = ((signal.SIGQUIT, 5),)
"""Nobody reads the data of a finished test again."""

FORGETFUL = {"fsync": "off", "full_page_writes": "off", "wal_level": "minimal", "max_wal_senders": "0"}
"""Survives a killed process, not a power failure."""

CARELESS = {**FORGETFUL, "synchronous_commit": "off"}
"""Loses the last commits of a killed process as well: not for servers that a test kills."""


class Server:
    """A server that a test may kill, pause and start again."""

    def __init__(self, part: child.Part) -> None:
        self.part = replace(part, stop=AT_ONCE)
        self._child: child.Child | None = None

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._child is not None
        return self._child.pid

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        self._child = child.start(self.part)

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._child is not None:
            self._child.send(signal.SIGCONT)
            self._child.stop()
            self._child = None

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        assert self._child is not None
        self._child.send(signal.SIGKILL)
        self._child.close()
        self._child = None

    def restart(self) -> None:
        """Start it again after `kill` or `stop`."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: it is there, and does not answer."""
        assert self._child is not None
        self._child.send(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self._child is not None
        self._child.send(signal.SIGCONT)


class PostgresServer(Server):
    """A Postgres; `sql` and `create_database` of `embedded` speak to it."""

    def __init__(self, folder: Path, *, version: int = 18, settings: Mapping[str, str] = FORGETFUL) -> None:
        self.embedded = EmbeddedPostgres(folder / f"pg{version}", version=version, settings=settings)
        super().__init__(self.embedded.part())

    @property
    def url(self) -> str:
        """Address of its database `bookable`."""
        return self.embedded.url()


class RedisServer(Server):
    """A Redis."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.embedded = EmbeddedRedis(folder / "redis", settings=settings or {})
        super().__init__(self.embedded.part())

    @property
    def url(self) -> str:
        """Address of its database 0."""
        return self.embedded.url


class TestRun:
    """The servers of this run, as each of its processes sees them."""

    __test__ = False

    def __init__(self, folder: Path, *, ours: bool) -> None:
        self.folder = folder
        self._ours = ours
        self._servers: list[Server] = []
        self._postgres = EmbeddedPostgres(folder / "pg18")
        self._redis = EmbeddedRedis(folder / "redis")

    @classmethod
    def join(cls) -> "TestRun":
        """The run that the environment names, else a new one, whose servers this process then owns."""
        if folder := os.environ.get(RUN_FOLDER):
            return cls(Path(folder), ours=False)
        return cls(short_folder(), ours=True)

    def start(self) -> None:
        """Start both servers unless they run."""
        if not self._ours or self._servers:
            return
        redis = {"databases": str(REDIS_DATABASES), "appendonly": "no"}
        for server in (
            PostgresServer(self.folder, settings=CARELESS),
            RedisServer(self.folder, settings=redis),
        ):
            server.start()
            self._servers.append(server)

    def stop(self) -> None:
        """Stop what was started here, and leave nothing behind."""
        while self._servers:
            self._servers.pop().stop()
        if self._ours:
            shutil.rmtree(self.folder, ignore_errors=True)

    def empty_database(self, name: str) -> str:
        """A new database without any table."""
        self.start()
        self._postgres.sql(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return self._postgres.url(name)

    def clone(self, name: str) -> str:
        """A new database with the whole schema."""
        self.start()
        self._migrate_template()
        self._postgres.sql(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}" STRATEGY {STRATEGY}')
        return self._postgres.url(name)

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        self._postgres.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def redis_url(self, number: int) -> str:
        """Redis database *number*."""
        self.start()
        return f"{self._redis.url}?db={number % REDIS_DATABASES}"

    def flush_redis(self, number: int) -> None:
        """Empty Redis database *number*."""
        self.start()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            connection.connect(str(self._redis.socket))
            connection.sendall(b"SELECT %d\r\nFLUSHDB\r\n" % (number % REDIS_DATABASES))
            answer = b""
            while answer.count(b"\r\n") < 2:
                answer += connection.recv(64)
        assert answer == b"+OK\r\n+OK\r\n", answer

    def _migrate_template(self) -> None:
        """Once per run: the first to come does it, the others wait."""
        done = self.folder / "template.done"
        with (self.folder / "template.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if done.exists():
                return
            self.drop(TEMPLATE)
            self._postgres.sql(f'CREATE DATABASE "{TEMPLATE}"')
            in_thread(migrate(self._postgres.url(TEMPLATE)))
            done.touch()


def in_thread(work: Coroutine[Any, Any, T]) -> T:
    """The result of *work*, awaited in a loop of its own: for fixtures, which may run beside a test's loop."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, work).result()


def short_folder() -> Path:
    """
    A temporary folder whose path leaves room for a socket's name, and which the Postgres user may enter.

    In memory if there is room: cloning the template makes 440 files, which took 230 ms on a disk and 8 ms there.
    """
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MUCH_MEMORY
    folder = Path(tempfile.mkdtemp(prefix="bk-", dir=MEMORY if roomy else None))
    folder.chmod(0o711)
    return folder
