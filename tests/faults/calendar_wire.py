"""
Owns a connected calendar behind a wire that fails, and what is looked at after a round.

Leaves the faults of the wire to `peers/dav_proxy`. The fixtures need those of `peers/calendar_fixtures`.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from uuid import UUID

import pytest

from server.domain.appointment import Booked
from server.settings import Settings
from server.usecases.cancel import cancel
from server.usecases.find_slots import SlotQuery, explain_start
from server.usecases.places import target_of_token
from server.usecases.reschedule import reschedule
from tests.calendar_desk import Desk, event, open_desk
from tests.peers.calendar_servers import CalendarServer
from tests.peers.dav_proxy import DavProxy, dav_proxy
from tests.world import World, no_key

Span = tuple[datetime, datetime]

ONE = (ip_network("127.0.0.1/32"),)
"""One loopback address may be called, and the others are what must not be reached."""

TOO_SLOW_S = 0.7
"""When a call is given up, in tests of peers that never come to an end."""

FIRST_WAIT = (15, 30)
"""Seconds until a round is tried again that failed for the first time."""


@pytest.fixture
async def desk(world: World, settings: Settings) -> AsyncIterator[Desk]:
    async with open_desk(world, settings) as desk:
        yield desk


@pytest.fixture
async def proxy(radicale: CalendarServer) -> AsyncIterator[DavProxy]:
    """The wire to *radicale*."""
    async with dav_proxy(radicale.url) as proxy:
        yield proxy


@pytest.fixture
async def uid(desk: Desk, radicale: CalendarServer, proxy: DavProxy, world: World) -> UUID:
    """A connection over *proxy* that is in order, with lunch in its calendar and an empty log at the proxy."""
    await radicale.put("work", "lunch", event("lunch", world.at(12)))
    found = await desk.connect(proxy.url, radicale.user, radicale.password)
    assert await desk.busy() == lunch(world)
    proxy.clear()
    return found


def lunch(world: World) -> list[Span]:
    """What the calendar has before anything happens."""
    return [(world.at(12), world.at(13))]


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


def dragged(text: str, start: datetime, there: datetime) -> str:
    """An appointment of half an hour at *start*, after somebody has moved it."""
    half = timedelta(minutes=30)
    return text.replace(stamp(start), stamp(there)).replace(stamp(start + half), stamp(there + half))


async def move(world: World, booked: Booked, start: datetime) -> None:
    """The customer takes another time."""
    await reschedule(world.core, await target_of_token(world.core, booked.manage_token), start, no_key(200))


async def cancelled(world: World, booked: Booked) -> None:
    """The customer does not come."""
    await cancel(world.core, await target_of_token(world.core, booked.manage_token), no_key(200))


async def ours(server: CalendarServer) -> dict[str, str]:
    """Our events in the calendar, by URL."""
    return {url: text for url, text in (await server.texts("work")).items() if "Robin Example" in text}


async def wait_of(desk: Desk, uid: UUID) -> float:
    """Seconds until the connection's next turn."""
    return ((await desk.connection(uid)).due_at - datetime.now(UTC)).total_seconds()


async def refused_by(world: World, start: datetime) -> set[str]:
    """The rules by which *start* cannot be booked."""
    day = start.astimezone(world.zone).date()
    query = SlotQuery(business=world.slug, service="cut", provider="anna", first=day, last=day)
    found = await explain_start(world.core, query, start)
    return {refusal.rule for _, refusals in found for refusal in refusals}


async def troubles(world: World, host: str = "127.0.0.1") -> int:
    """How often in a row the server was in trouble."""
    rows = await world.sql("SELECT troubles FROM calendar_peers WHERE host = $1", host)
    return rows[0]["troubles"] if rows else 0


async def due(world: World) -> None:
    """It is everybody's turn."""
    await world.sql("UPDATE connections SET due_at = clock_timestamp(), leased_until = NULL")
