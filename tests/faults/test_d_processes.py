"""
Section D of the matrix with real worker processes: killed at each step of sending, and asked to stop.

Leaves kills at random to `make chaos`.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from tests.world import SECRET, World


@dataclass
class MailServer:
    """Takes mails, and does what the test wants at a chosen step."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    at: str = ""
    """Step before whose answer *then* is called, once: `MAIL` or `DATA`."""
    then: Callable[[], Awaitable[None]] | None = None
    doing: asyncio.Future[None] | None = None

    async def handle_MAIL(self, _s: Any, _session: Any, envelope: Any, address: str, _o: list[str]) -> str:
        await self._step("MAIL")
        envelope.mail_from = address
        return "250 go on"

    async def handle_DATA(self, _s: Any, _session: Any, envelope: Any) -> str:
        self.mails.append(BytesParser(_class=EmailMessage, policy=default).parsebytes(envelope.content))
        await self._step("DATA")
        return "250 taken"

    async def _step(self, name: str) -> None:
        if self.at == name and self.then is not None:
            then, self.then = self.then, None
            self.doing = asyncio.ensure_future(then())  # goes on when the connection is lost
            await asyncio.shield(self.doing)


@pytest.fixture
async def post() -> AsyncIterator[MailServer]:
    """A mail server on loopback."""
    server = MailServer()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: SMTP(server, hostname="mx.example", loop=loop), "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    listening.close()


@contextlib.contextmanager
def worker(database_url: str, redis_url: str, mail_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process, as it is deployed."""
    environment = {
        **os.environ,
        "BOOKABLE_DATABASE_URL": database_url,
        "BOOKABLE_REDIS_URL": redis_url,
        "BOOKABLE_SECRET_KEYS": SECRET,
        "BOOKABLE_MAIL_HOST": "127.0.0.1",
        "BOOKABLE_MAIL_PORT": str(mail_port),
        "BOOKABLE_MAIL_TLS": "none",
        "BOOKABLE_MAIL_SENDER": "bookings@book.example",
        "BOOKABLE_WORKER_LEASE_S": "2",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "server.cli.main", "worker"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def until_sent(world: World) -> None:
    for _ in range(600):
        rows = await world.sql("SELECT state FROM deliveries")
        if rows and {row["state"] for row in rows} == {"sent"}:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(rows)


@pytest.fixture
async def booked(own_world: World) -> World:
    """Somebody has booked, and not been told."""
    await own_world.service()
    await own_world.book(own_world.at(10), email="robin@example.org")
    return own_world


@pytest.mark.alone
@pytest.mark.parametrize("step", ["MAIL", "DATA"])
async def test_D36_a_worker_killed_while_it_sends_is_followed_by_one_that_does(
    booked: World, post: MailServer, own_database_url: str, redis_url: str, step: str
) -> None:
    """Killed before the mail was handed over it goes once; killed before it heard so, twice with one Message-ID."""
    with worker(own_database_url, redis_url, post.port) as first:
        died = asyncio.Event()

        async def kill() -> None:
            first.kill()
            await asyncio.to_thread(first.wait)
            died.set()

        post.at, post.then = step, kill
        await asyncio.wait_for(died.wait(), 20)
    with worker(own_database_url, redis_url, post.port):
        await until_sent(booked)
    assert len(post.mails) == {"MAIL": 1, "DATA": 2}[step]
    assert len({mail["Message-ID"] for mail in post.mails}) == 1
    rows = await booked.sql("SELECT attempt, tries FROM deliveries")
    assert [tuple(row) for row in rows] == [(2, 1)]


@pytest.mark.alone
async def test_D37_a_worker_that_is_asked_to_stop_finishes_what_is_in_the_air(
    booked: World, post: MailServer, own_database_url: str, redis_url: str
) -> None:
    with worker(own_database_url, redis_url, post.port) as deployed:
        asked = asyncio.Event()

        async def stop() -> None:
            deployed.send_signal(signal.SIGTERM)
            asked.set()
            await asyncio.sleep(0.5)

        post.at, post.then = "DATA", stop
        await asyncio.wait_for(asked.wait(), 20)
        assert await asyncio.to_thread(deployed.wait, 10) == 0
        await until_sent(booked)
    assert len(post.mails) == 1
    rows = await booked.sql("SELECT attempt, tries, lost FROM deliveries")
    assert [tuple(row) for row in rows] == [(1, 1, 0)]


@pytest.mark.alone
async def test_D41_a_worker_stopped_in_the_middle_of_sending_does_not_send_when_it_goes_on(
    booked: World, post: MailServer, own_database_url: str, redis_url: str
) -> None:
    """SIGSTOP for longer than its lease, between RCPT and DATA; another worker sends meanwhile."""
    with worker(own_database_url, redis_url, post.port) as paused:
        stopped = asyncio.Event()

        async def stop() -> None:
            paused.send_signal(signal.SIGSTOP)
            stopped.set()

        post.at, post.then = "MAIL", stop
        await asyncio.wait_for(stopped.wait(), 20)
        with worker(own_database_url, redis_url, post.port):
            await until_sent(booked)
            paused.send_signal(signal.SIGCONT)
            await asyncio.sleep(1.5)
    assert len(post.mails) == 1
