"""
Owns which parts make a whole Bookable on one machine, in which order they start, and what each is told.

Leaves starting and watching them to `supervisor`.
"""

import asyncio
import http.client
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from server.embedded import leftovers
from server.embedded.child import Ladder, Part
from server.embedded.data_folder import RunsAs, find_secret, kept_secret, locked, note_running
from server.embedded.errors import PortTaken, SecretLost
from server.embedded.postgres import EmbeddedPostgres
from server.embedded.redis import EmbeddedRedis
from server.embedded.supervisor import Supervisor
from server.settings import DatabaseSettings, Settings
from server.store.engine import Database
from server.store.migrate import migrate
from server.tokens import Vault
from server.usecases.check_secret import adopt_secret, has_secret

log = logging.getLogger("bookable.stack")

READY_WITHIN_S = 60
STOP: Ladder = ((signal.SIGTERM, 15),)
"""Longer than the 10 s that a web process gives to running requests."""


async def _nothing_else(database_url: str) -> None:
    """`up` adds nothing to a migrated database."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Everything that one machine needs to take bookings."""

    settings: Settings
    folder: Path
    port: int
    base_url: str
    processes: int
    environment: Mapping[str, str] = field(default_factory=dict)
    """Settings of the web processes and the worker, on top of ours."""

    after_migrating: Callable[[str], Awaitable[None]] = _nothing_else
    """Called with the database's address before the first web process starts."""

    async def run(self, greet: Callable[[], None]) -> None:
        """
        Start all parts, *greet* once they answer, and go on until a signal comes.

        Raises:
            EmbeddedError, MigrationError: It could not be started; whatever was is stopped again.
        """
        with locked(self.folder) as folder:
            leftovers.end(leftovers.started_with(_mark(folder)), STOP)
            self._check_port()
            note_running(folder, self._runs_as)
            async with Supervisor() as supervisor:
                database_url, redis_url = await self._start_servers(supervisor, folder)
                before, after = await migrate(database_url)
                log.info("database: %s", f"revision {after}" if before == after else f"{before} → {after}")
                if not self.settings.secret.keys:
                    await self._settle_secret(folder, database_url)
                await self.after_migrating(database_url)
                for part in self._parts(folder, self._environment(folder, database_url, redis_url)):
                    await supervisor.start(part)
                await self._wait_until_ready()
                greet()
                await supervisor.run()

    @property
    def _runs_as(self) -> RunsAs:
        mail = self.settings.mail
        return RunsAs(
            base_url=self.base_url,
            mail_host=mail.host,
            mail_folder=self.environment.get("BOOKABLE_MAIL_FOLDER", mail.folder),
        )

    async def _settle_secret(self, folder: Path, database_url: str) -> None:
        """
        Makes the secret of the folder, if its database has none yet; what lies in one folder belongs together.

        Raises:
            SecretLost: The database has one, and the folder does not.
        """
        database = await Database.open(DatabaseSettings(url=database_url))
        try:
            if find_secret(folder) is None and await has_secret(database):
                raise SecretLost(folder)
            secret = kept_secret(folder)
            if self.settings.database.url is None:
                await adopt_secret(database, Vault([secret]))
        finally:
            await database.close()

    async def _start_servers(self, supervisor: Supervisor, folder: Path) -> tuple[str, str]:
        """Addresses of Postgres and Redis: those in the settings, else ones of our own."""
        database_url, redis_url = self.settings.database.url, self.settings.redis.url
        if database_url is None:
            connections = (self.processes + 1) * self.settings.database.pool_size + 20
            postgres = EmbeddedPostgres(folder / "postgres", settings={"max_connections": str(max(200, connections))})
            await supervisor.start(postgres.part())
            await asyncio.to_thread(postgres.create_database)
            database_url = postgres.url()
        if redis_url is None:
            redis = EmbeddedRedis(folder / "redis")
            await supervisor.start(redis.part())
            redis_url = redis.url
        return database_url, redis_url

    def _environment(self, folder: Path, database_url: str, redis_url: str) -> dict[str, str]:
        settings = {
            "BOOKABLE_DATABASE_URL": database_url,
            "BOOKABLE_REDIS_URL": redis_url,
            "BOOKABLE_HTTP_PORT": str(self.port),
            "BOOKABLE_HTTP_BASE_URL": self.base_url,
            "BOOKABLE_HTTP_PROCESSES": str(self.processes),
            "PYTHONUNBUFFERED": "1",
        }
        if not self.settings.secret.keys:
            settings["BOOKABLE_SECRET_KEYS"] = kept_secret(folder)
        return {**settings, **self.environment}

    def _parts(self, folder: Path, environment: Mapping[str, str]) -> list[Part]:
        """The worker comes last, so that it stops first: it then hands back its jobs while all else still runs."""
        # -P: a folder named `server` where the command is typed is not ours.
        command = [sys.executable, "-P", "-m", "server.cli.main"]
        webs = [
            Part(
                name="web" if self.processes == 1 else f"web-{number}",
                command=[*command, "web", _mark(folder)],
                environment=environment,
                is_ready=lambda: self._answers("/healthz"),
                stop=STOP,
            )
            for number in range(1, self.processes + 1)
        ]
        worker = Part(
            name="worker",
            command=[*command, "worker", _mark(folder)],
            environment=environment,
            stop=STOP,
        )
        return [*webs, worker]

    def _check_port(self) -> None:
        host = self.settings.http.host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Not refused by connections that have just been closed; refused by anyone who listens.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, self.port))
            except OSError as error:
                raise PortTaken(host, self.port, error) from error

    async def _wait_until_ready(self) -> None:
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                while not await asyncio.to_thread(self._answers, "/readyz"):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        except TimeoutError:
            log.warning("/readyz is not content after %d s: `bookable doctor` says why", READY_WITHIN_S)

    def _answers(self, path: str) -> bool:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.settings.http.host, self.settings.http.host)  # noqa: S104
        connection = http.client.HTTPConnection(host, self.port, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _mark(folder: Path) -> str:
    """
    On the command line of each process of ours: the next start finds by it what this one left behind.

    One word with the option in it: others (a shell, an editor) may have the folder's bare name on theirs.
    """
    return f"--part-of={folder.resolve()}"
