"""
Proves that a published .ics file is read as busy time: only when it has changed, all of it or nothing.

Leaves files made to hurt to `tests/faults/test_f_calendars`, and how an event is read to `unit/ics/read`.
"""

import re
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from aiohttp import web

from server.settings import Settings
from server.usecases.connections import resume, sync_now
from tests.calendar_desk import Desk, event, open_desk
from tests.peers import ics_server as files
from tests.peers.ics_server import Answer, IcsServer, ics_server
from tests.peers.webhook_receiver import http_server
from tests.samples.calendar_files import sample
from tests.world import World

pytest_plugins = ("tests.peers.calendar_fixtures",)


@pytest.fixture
async def desk(world: World, settings: Settings) -> AsyncIterator[Desk]:
    async with open_desk(world, settings) as desk:
        yield desk


def publish(server: IcsServer, *hours: int, world: World, **named: int) -> None:
    """The file has an event of an hour at each of *hours*, and at those of *named* events."""
    events = {**{f"e{hour}": hour for hour in hours}, **named}
    texts = [event(uid, world.at(hour)).partition("BEGIN:VEVENT")[2] for uid, hour in events.items()]
    body = "".join(f"BEGIN:VEVENT{text.partition('END:VCALENDAR')[0]}" for text in texts)
    body = re.sub(r"DTSTAMP:\w+", "DTSTAMP:20260101T000000Z", body)  # the same event is the same a second later
    server.text = files.EMPTY.replace("END:VCALENDAR", body + "END:VCALENDAR")


@pytest.fixture
async def uid(world: World, desk: Desk, published_calendar: IcsServer) -> UUID:
    """A connection that is in order, to a file with something at ten, twelve and four."""
    publish(published_calendar, 10, 12, 16, world=world)
    found = await desk.subscribe(published_calendar.url)
    assert await desk.busy() == busy_at(world, 10, 12, 16)
    published_calendar.requests.clear()
    published_calendar.statuses.clear()
    return found


def busy_at(world: World, *hours: int) -> list[tuple[object, object]]:
    return [(world.at(hour), world.at(hour + 1)) for hour in hours]


async def test_a_file_that_has_not_changed_is_not_sent_again(
    world: World, desk: Desk, uid: UUID, published_calendar: IcsServer
) -> None:
    before = await desk.calendar(uid)
    await desk.round(3)

    assert published_calendar.statuses == [304, 304, 304]
    after = await desk.calendar(uid)
    assert before.known_at is not None
    assert after.known_at is not None
    assert after.known_at > before.known_at  # it was looked at
    assert await desk.busy() == busy_at(world, 10, 12, 16)
    assert len(await desk.log(uid)) == 1


async def test_a_file_without_a_tag_is_compared(world: World, desk: Desk, published_calendar: IcsServer) -> None:
    published_calendar.with_etag = False
    publish(published_calendar, 10, world=world)
    uid = await desk.subscribe(published_calendar.url)
    published_calendar.statuses.clear()
    listed = (await desk.calendar(uid)).generation
    await desk.round(2)

    assert published_calendar.statuses == [200, 200]
    assert (await desk.calendar(uid)).generation == listed
    publish(published_calendar, 11, world=world)
    await desk.round()
    assert await desk.busy() == busy_at(world, 11)


async def test_what_changes_in_the_file_changes_here_and_only_that_is_read(
    world: World, desk: Desk, uid: UUID, published_calendar: IcsServer
) -> None:
    publish(published_calendar, 10, 14, world=world, e16=15)
    await desk.round()

    assert await desk.busy() == busy_at(world, 10, 14, 15)
    counts = (await desk.log(uid))[-1]["counts"]
    assert (counts["pulled"], counts["removed"]) == (2, 1)
    assert published_calendar.statuses == [200]


async def test_a_file_that_shrinks_to_nothing_asks_first(
    world: World, desk: Desk, uid: UUID, published_calendar: IcsServer
) -> None:
    publish(published_calendar, world=world)
    await desk.round(2)

    connection = await desk.connection(uid)
    assert (connection.state, connection.reason) == ("paused", "emptied")
    assert await desk.busy() == busy_at(world, 10, 12, 16)
    assert len(await desk.facts("calendar.trouble")) == 1

    await resume(world.core, desk.editor, uid, deletions="meant")
    await desk.round()
    assert await desk.busy() == []
    assert (await desk.connection(uid)).state == "active"


async def test_a_file_that_was_empty_by_mistake_goes_on_when_it_is_full_again(
    world: World, desk: Desk, uid: UUID, published_calendar: IcsServer
) -> None:
    text = published_calendar.text
    publish(published_calendar, world=world)
    await desk.round()
    published_calendar.text = text
    await resume(world.core, desk.editor, uid, deletions="undone")
    await desk.round()

    assert await desk.busy() == busy_at(world, 10, 12, 16)
    assert (await desk.connection(uid)).state == "active"


async def test_one_event_that_goes_is_believed(world: World, desk: Desk, published_calendar: IcsServer) -> None:
    publish(published_calendar, 10, world=world)
    uid = await desk.subscribe(published_calendar.url)
    publish(published_calendar, world=world)
    await desk.round()

    assert await desk.busy() == []
    assert (await desk.connection(uid)).state == "active"


BROKEN: dict[str, Answer] = {
    "half a file": files.shortened(),
    "a connection that ends": files.truncated(),
    "a login page": files.login_page(),
    "nothing": files.empty(),
    "404": files.says(404),
    "500": files.says(500),
    "too large": files.huge(3),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_file_leaves_what_was_known(
    world: World, settings: Settings, uid: UUID, published_calendar: IcsServer, name: str
) -> None:
    async with open_desk(world, settings, max_bytes=2_000_000) as desk:
        published_calendar.answer = BROKEN[name]
        await desk.round()

        assert (await desk.connection(uid)).state == ("paused" if name == "404" else "degraded")
        assert (await desk.connection(uid)).last_error
        assert await desk.busy() == busy_at(world, 10, 12, 16)

        published_calendar.answer = None
        publish(published_calendar, 11, 16, world=world)
        if name == "404":
            await resume(world.core, desk.editor, uid, deletions=None)
        await desk.round()
        assert await desk.busy() == busy_at(world, 11, 16)
        assert (await desk.connection(uid)).state == "active"


async def test_a_file_of_a_wrong_type_is_read_all_the_same(
    world: World, desk: Desk, uid: UUID, published_calendar: IcsServer
) -> None:
    published_calendar.answer = files.wrong_type()
    publish(published_calendar, 11, world=world)
    await desk.round()

    assert await desk.busy() == busy_at(world, 11)


async def test_a_resync_that_breaks_off_forgets_nothing(
    world: World, desk: Desk, uid: UUID, published_calendar: IcsServer
) -> None:
    await sync_now(world.core, desk.editor, uid, from_scratch=True)
    published_calendar.answer = files.shortened(0.7)
    await desk.round()
    assert await desk.busy() == busy_at(world, 10, 12, 16)

    published_calendar.answer = None
    await desk.round()
    assert await desk.busy() == busy_at(world, 10, 12, 16)
    assert (await desk.log(uid))[-1]["counts"]["pulled"] == 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed_and_the_tag_goes_along(
    world: World, desk: Desk, published_calendar: IcsServer, status: int
) -> None:
    publish(published_calendar, 10, world=world)

    async def moved(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": published_calendar.url})

    async with http_server([web.get("/old.ics", moved)]) as url:
        uid = await desk.subscribe(f"{url}/old.ics")
        await desk.round()

    assert await desk.busy() == busy_at(world, 10)
    assert published_calendar.statuses[-1] == 304
    assert (await desk.connection(uid)).state == "active"


async def test_a_chain_of_redirects_ends(world: World, desk: Desk, uid: UUID, published_calendar: IcsServer) -> None:
    published_calendar.answer = files.redirect(published_calendar.url)
    await desk.round()

    assert (await desk.connection(uid)).state == "degraded"
    assert len(published_calendar.requests) == 5
    assert await desk.busy() == busy_at(world, 10, 12, 16)


async def test_nothing_is_written_to_where_nothing_can_be_written(
    world: World, desk: Desk, uid: UUID, published_calendar: IcsServer
) -> None:
    await world.book(world.at(11))
    await desk.round(2)

    assert (await desk.connection(uid)).state == "active"
    assert await world.sql("SELECT 1 FROM pushed_events WHERE business_id = $1", world.business_id) == []


async def test_files_of_two_people_do_not_mix(world: World, desk: Desk, uid: UUID) -> None:
    """Both name their events alike."""
    await world.provider("bea")
    async with ics_server() as other:
        publish(other, world=world, e10=14, e12=15)
        await desk.subscribe(other.url, provider="bea")
        publish(other, world=world, e10=14)
        await desk.round()

    assert await desk.busy("bea") == busy_at(world, 14)
    assert await desk.busy() == busy_at(world, 10, 12, 16)


@pytest.mark.parametrize("name", ["google-published", "outlook-published"])
async def test_files_as_the_large_services_publish_them_are_read_without_a_problem(
    desk: Desk, published_calendar: IcsServer, name: str
) -> None:
    published_calendar.text = sample(name)
    uid = await desk.subscribe(published_calendar.url)

    assert (await desk.connection(uid)).state == "active"
    assert [problem for entry in await desk.log(uid) for problem in entry["problems"]] == []
    assert (await desk.log(uid))[0]["counts"]["pulled"] > 0
