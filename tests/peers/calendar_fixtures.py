"""
Owns the fixtures for real calendar servers: a process for the whole run, a new person with a calendar for each test.

Leaves the servers to `calendar_servers`. A test module asks for these with
`pytest_plugins = ("tests.peers.calendar_fixtures",)`.
"""

import shutil
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.peers.calendar_servers import PROGRAMS, CalendarProgram, CalendarServer, Radicale, Xandikos
from tests.peers.dav_proxy import DavProxy, dav_proxy
from tests.peers.ics_server import IcsServer, ics_server
from tests.services import short_folder


@pytest.fixture(scope="session")
def radicale_program() -> Iterator[Radicale]:
    """Radicale's process; `async with radicale_program.account()` is one more person there."""
    yield from _running("radicale")


@pytest.fixture(scope="session")
def xandikos_program() -> Iterator[Xandikos]:
    """Xandikos' process; `async with xandikos_program.account()` is one more person there."""
    yield from _running("xandikos")


@pytest.fixture
async def radicale(radicale_program: Radicale) -> AsyncIterator[CalendarServer]:
    """A new person at Radicale, with a calendar `work`."""
    async with radicale_program.account() as server:
        yield server


@pytest.fixture
async def xandikos(xandikos_program: Xandikos) -> AsyncIterator[CalendarServer]:
    """A new person at Xandikos, with a calendar `work`."""
    async with xandikos_program.account() as server:
        yield server


@pytest.fixture(params=sorted(PROGRAMS))
def calendar_program(request: pytest.FixtureRequest) -> CalendarProgram:
    """Each of the two processes in turn."""
    return request.getfixturevalue(f"{request.param}_program")


@pytest.fixture
async def calendar_server(calendar_program: CalendarProgram) -> AsyncIterator[CalendarServer]:
    """A new person with a calendar `work`, at each of the two servers in turn."""
    async with calendar_program.account() as server:
        yield server


@pytest.fixture
async def calendar_proxy(calendar_server: CalendarServer) -> AsyncIterator[DavProxy]:
    """What stands between us and *calendar_server*; `calendar_proxy.through(url)` is its URL for what is behind."""
    async with dav_proxy(calendar_server.url) as proxy:
        yield proxy


@pytest.fixture
async def published_calendar() -> AsyncIterator[IcsServer]:
    """A calendar that somebody publishes as one file."""
    async with ics_server() as server:
        yield server


def _running(kind: str) -> Iterator[CalendarProgram]:
    folder = short_folder()
    program = PROGRAMS[kind](folder)
    try:
        program.start()
        yield program
    finally:
        program.stop()
        shutil.rmtree(folder, ignore_errors=True)
