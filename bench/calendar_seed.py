"""
Owns what calendars are measured on: connections in Postgres, a Radicale with events in it, a worker that syncs.

Leaves the figures to `calendars`. Connections are written as `connect` would leave them, with sealed credentials.
"""

import base64
import contextlib
import http.client
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from bench.services import HOST, SETTINGS, free_port
from server.embedded.child import Part, start
from server.tokens import Vault
from server.usecases.calendar_accounts import Credentials

USER, PASSWORD = "anna", "a-password-of-the-benchmark"
AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
CALENDAR = f"/{USER}/work/"

_PROVIDERS_PER_BUSINESS = 10
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, kw_only=True)
class Link:
    """A connection to be made, with one calendar."""

    provider: int
    """Counted from 1 over all businesses, as `seed` numbers them."""
    server: str
    """`http://host:port`."""
    calendar: str
    """Path of the calendar; ends with a slash."""
    synced: bool
    """Whether it has been read before, so that only changes are asked for; else all of it is."""
    due_in_s: float = 0.0


_CONNECT = """
INSERT INTO connections (business_id, provider_id, uid, kind, preset, name, url, account, secret_sealed, state, peer,
                         due_at, interval_s)
VALUES ($1, $2, $3, 'caldav', 'caldav', 'bench', $4, $5, $6, 'active', $7,
        clock_timestamp() + make_interval(secs => $8), $9)
RETURNING id
"""

_CALENDAR = """
INSERT INTO calendars (business_id, connection_id, provider_id, uid, href, name, writable, blocks, receives, token,
                       generation, known_at, window_end)
VALUES ($1, $2, $3, $4, $5, 'Work', true, true, $6, $7, 1, $8, $9)
"""


async def connect(connection: asyncpg.Connection, links: Sequence[Link], *, interval_s: int = 120) -> None:
    """
    Writes *links*; the first calendar of each provider receives appointments.

    The first turn of one that has to be read whole is the moment in which it is written.
    """
    vault = Vault([SETTINGS["BOOKABLE_SECRET_KEYS"]])
    receiving: set[int] = set()
    now = datetime.now(UTC)
    async with connection.transaction():
        for link in links:
            uid = uuid4()
            business = (link.provider - 1) // _PROVIDERS_PER_BUSINESS + 1
            sealed = Credentials(password=PASSWORD).seal(vault, str(uid))
            key = await connection.fetchval(
                _CONNECT,
                *(business, link.provider, uid, f"{link.server}/", USER, sealed, urlsplit(link.server).hostname),
                *(link.due_in_s, interval_s),
            )
            known = ("sync:nothing-is-new", now, now + timedelta(days=765)) if link.synced else (None, None, None)
            await connection.execute(
                _CALENDAR,
                *(business, key, link.provider, uuid4(), link.server + link.calendar),
                link.provider not in receiving,
                *known,
            )
            receiving.add(link.provider)


def event(number: int, *, moved: bool = False) -> tuple[str, str]:
    """Name and VEVENT of the event with this *number*: of fifty, one repeats every week. The same ones each time."""
    chance = random.Random(number)
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(
        days=chance.randint(-400, 500), minutes=15 * chance.randint(28, 72) + 15 * moved
    )
    uid = f"event-{number}@bench.example"
    lines = [
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "DTSTAMP:20270101T120000Z",
        f"DTSTART:{day.strftime(_STAMP)}",
        f"DTEND:{(day + timedelta(minutes=chance.choice((30, 45, 60, 90)))).strftime(_STAMP)}",
        *(["RRULE:FREQ=WEEKLY;COUNT=40"] if number % 50 == 0 else []),
        f"SUMMARY:Meeting {number}",
        "DESCRIPTION:" + " ".join(["What it is about\\, at some length."] * 4),
        f"LOCATION:Room {chance.randint(1, 40)}",
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
        "CATEGORIES:Work",
        f"SEQUENCE:{int(moved)}",
        "END:VEVENT",
    ]
    return uid, "\r\n".join(lines)


def document(events: Sequence[str]) -> bytes:
    """*events* as a calendar."""
    head = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Bench//Bench//EN")
    return ("\r\n".join((*head, *events, "END:VCALENDAR")) + "\r\n").encode()


class Radicale:
    """A real calendar server, and a bare client of it that reads no XML and stores nothing."""

    def __init__(self, port: int, log: Path) -> None:
        self.url = f"http://{HOST}:{port}"
        self._http = http.client.HTTPConnection(HOST, port, timeout=120)
        self._log = log

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        """The body of a successful answer."""
        self._http.request(method, path, body, {"Authorization": AUTHORIZATION, **headers})
        answer = self._http.getresponse()
        read = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {read[:300]!r}")
        return read

    def fill(self, number: int) -> None:
        """One calendar with so many events."""
        self.ask("PUT", CALENDAR, document([event(n)[1] for n in range(number)]), **{"Content-Type": "text/calendar"})

    def requests(self) -> int:
        """How many it has answered so far, as its log says."""
        return self._log.read_bytes().count(b"response status")


@contextlib.contextmanager
def radicale(folder: Path) -> Iterator[Radicale]:
    """Radicale as a process of its own, as it comes but for one user and a log of its requests."""
    port = free_port()
    place = folder / f"radicale-{port}"
    place.mkdir()
    log, config, logins = place / "log", place / "config", place / "htpasswd"
    logins.write_text(f"{USER}:{PASSWORD}\n")
    config.write_text(f"""\
[server]
hosts = {HOST}:{port}
[auth]
type = htpasswd
htpasswd_filename = {logins}
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = {place / "collections"}
[logging]
level = info
""")
    program = [sys.executable, "-P", "-m", "radicale", "--config", config]
    part = Part(
        name="radicale",
        command=["/bin/sh", "-c", 'log=$1; shift; exec "$@" 2>"$log"', "sh", log, *program],
        is_ready=lambda: _answers(port),
        start_timeout_s=30,
    )
    child = start(part)
    try:
        yield Radicale(port, log)
    finally:
        child.stop()


@contextlib.contextmanager
def dav_stub(port: int, file: Path, *numbers: int) -> Iterator[None]:
    """`dav_stub` as a process: so many hosts that are well, hang, and cut."""
    process = subprocess.Popen([sys.executable, "-m", "bench.dav_stub", str(port), str(file), *map(str, numbers)])
    try:
        while not _answers(port, "127.0.1.1"):
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def syncing(database_url: str, redis_url: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process that may call loopback; *settings* are named without `BOOKABLE_`, in small letters."""
    environment = {
        **os.environ,
        **SETTINGS,
        "BOOKABLE_DATABASE_URL": database_url,
        "BOOKABLE_REDIS_URL": redis_url,
        "BOOKABLE_CALENDAR_ALLOWED_NETWORKS": "127.0.0.0/8",
        **{f"BOOKABLE_{name.upper()}": value for name, value in settings.items()},
    }
    command = [sys.executable, "-P", "-m", "server.cli.main", "worker"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _answers(port: int, host: str = HOST) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return True
