"""
Rows F61 to F64: what whole rounds make of each answer, of answers that were lost, and of what is done to our events.

Leaves servers that hang, lie or are away to `test_f_calendars`, and single edits to `integration/test_sync`.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from server.settings import Settings
from server.usecases.connections import edit, resume
from server.worker.syncing import Syncing
from tests.calendar_desk import Desk, event, open_desk
from tests.faults.calendar_wire import (
    FIRST_WAIT,
    TOO_SLOW_S,
    cancelled,
    dragged,
    due,
    lunch,
    move,
    ours,
    refused_by,
    stamp,
    troubles,
    wait_of,
)
from tests.integration.test_feeds import make as make_feed
from tests.peers import dav_proxy as faults
from tests.peers.calendar_servers import CalendarServer, Radicale
from tests.peers.dav_proxy import ICS, MULTIGET, SYNC, Call, DavProxy, Fault, dav_proxy
from tests.peers.ics_server import IcsServer, ics_server
from tests.world import World

pytest_plugins = ("tests.peers.calendar_fixtures",)

# Every status


@dataclass(frozen=True, kw_only=True)
class After:
    """How a connection stands after a round that met a status."""

    state: str = "degraded"
    reason: str = ""
    wait: tuple[float, float] | None = FIRST_WAIT
    """Seconds until it is tried again; None: as always, or not at all."""
    trouble: bool = False
    """Whether its server is in trouble, too."""


READS = {
    "401": (faults.says(401), After(state="needs_reauth", wait=None)),
    "403": (faults.says(403), After()),
    "404": (faults.says(404), After(state="paused", reason="calendar_gone", wait=None)),
    "409": (faults.says(409), After()),
    "412": (faults.says(412), After()),
    "423": (faults.says(423), After()),
    "429": (faults.says(429, Retry_After="90"), After(wait=(85, 91), trouble=True)),
    "429 for long": (faults.says(429, Retry_After="864000"), After(wait=(6 * 3600 - 5, 6 * 3600 + 1), trouble=True)),
    "403 of a quota": (faults.says(403, faults.QUOTA), After(trouble=True)),
    "500": (faults.says(500), After(trouble=True)),
    "503": (faults.says(503, Retry_After="120"), After(wait=(115, 121), trouble=True)),
    "418": (faults.says(418), After(trouble=True)),
}


@pytest.mark.parametrize("name", READS)
async def test_F61_a_status_while_reading_decides_when_and_whether_it_is_tried_again(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy, radicale: CalendarServer, *, name: str
) -> None:
    fault, after = READS[name]
    proxy.when(fault, times=None)
    booked = await world.book(world.at(10))
    await desk.round()

    connection = await desk.connection(uid)
    assert (connection.state, connection.reason, connection.failures) == (after.state, after.reason, 1)
    assert connection.last_error
    assert await desk.busy() == lunch(world)
    assert (await troubles(world) > 0) == after.trouble
    if after.wait:
        assert after.wait[0] - 1 <= await wait_of(desk, uid) <= after.wait[1]
    assert len(await desk.facts("calendar.trouble")) == (after.state != "degraded")

    proxy.clear()
    await desk.round()
    if after.state != "degraded":
        assert proxy.requests == []  # a person has to do something first
        if after.state == "paused":
            await resume(world.core, desk.editor, uid, deletions=None)
        else:
            await edit(world.core, desk.tools.accounts, desk.editor, uid, {"password": radicale.password})
        await desk.round()
    assert len(await ours(radicale)) == 1
    assert (await desk.connection(uid)).state == "active"
    assert (await desk.appointment(booked.appointment.uid))["status"] == "confirmed"


WRITES = {
    "401": (faults.says(401), After(state="needs_reauth", wait=None)),
    "403": (faults.says(403), After(state="active", wait=None)),
    "409": (faults.says(409), After(state="active", wait=None)),
    "412": (faults.says(412), After(state="active", wait=None)),
    "413": (faults.says(413), After(state="active", wait=None)),
    "423": (faults.says(423), After()),
    "429": (faults.says(429, Retry_After="90"), After(wait=(85, 91), trouble=True)),
    "500": (faults.says(500), After(trouble=True)),
    "503": (faults.says(503, Retry_After="120"), After(wait=(115, 121), trouble=True)),
    "507": (faults.says(507), After(trouble=True)),
}


@pytest.mark.parametrize("name", WRITES)
async def test_F61_a_status_while_writing_decides_when_it_is_tried_again_and_leaves_one_event(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy, radicale: CalendarServer, *, name: str
) -> None:
    fault, after = WRITES[name]
    proxy.when(fault, "PUT")
    booked = await world.book(world.at(10))
    await world.book(world.at(14))
    await desk.round()

    connection = await desk.connection(uid)
    assert (connection.state, connection.failures) == (after.state, int(after.state != "active")), connection.last_error
    assert (await troubles(world) > 0) == after.trouble
    if after.wait:
        assert after.wait[0] - 1 <= await wait_of(desk, uid) <= after.wait[1]

    if after.state == "needs_reauth":
        await edit(world.core, desk.tools.accounts, desk.editor, uid, {"password": radicale.password})
    await desk.round(2)
    assert len(await ours(radicale)) == 2
    assert (await desk.connection(uid)).state == "active"
    assert await desk.busy() == lunch(world)
    assert await desk.appointment(booked.appointment.uid) == ("confirmed", world.at(10), 0)


async def test_F61_a_server_that_cannot_be_written_for_a_while_gets_everything_when_it_can(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy, radicale: CalendarServer
) -> None:
    """However many rounds that takes: only what this very event is refused for is given up."""
    await world.book(world.at(10))
    proxy.when(faults.says(503), "PUT", times=None)
    await desk.round(7)

    connection = await desk.connection(uid)
    assert (connection.state, connection.failures) == ("degraded", 7)
    proxy.clear()
    await desk.round()
    assert len(await ours(radicale)) == 1


async def test_F61_an_event_that_is_always_refused_is_given_up_and_the_others_are_written(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy, radicale: CalendarServer
) -> None:
    booked = await world.book(world.at(10))
    await world.book(world.at(14))
    proxy.when(faults.says(403), "PUT", path=str(booked.appointment.uid), times=None)
    await desk.round(8)

    assert proxy.count("PUT", path=str(booked.appointment.uid)) == 5
    assert len(await ours(radicale)) == 1
    assert (await desk.connection(uid)).state == "active"
    assert any("could not be written" in problem for entry in await desk.log(uid) for problem in entry["problems"])


async def test_F61_an_event_that_upsets_its_server_keeps_the_others_waiting_for_one_round_and_no_conflict_hidden(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy, radicale: CalendarServer
) -> None:
    """A status of 500 says that the server is in trouble, and some say so of one event only."""
    booked = await world.book(world.at(10))
    await world.book(world.at(14))
    await world.book(world.at(15))
    await radicale.put("work", "doctor", event("doctor", world.at(14)))
    proxy.when(faults.says(500), "PUT", path=str(booked.appointment.uid), times=None)
    await desk.round(2)

    assert len(await ours(radicale)) == 2
    assert (await desk.connection(uid)).state == "degraded"
    assert len(await desk.facts("calendar.conflict")) == 1
    proxy.clear()
    await desk.round()
    assert len(await ours(radicale)) == 3
    assert (await desk.connection(uid)).state == "active"


async def test_F61_a_pause_that_the_server_asks_for_is_not_cut_short_by_what_waits_here(
    world: World, settings: Settings, uid: UUID, proxy: DavProxy, radicale: CalendarServer
) -> None:
    """A deletion that is waited for would be looked at in a minute; the server said an hour."""
    async with open_desk(world, settings, deletion_hold_s=5) as desk:
        await world.book(world.at(10))
        await desk.round(2)
        (href,) = await ours(radicale)
        await radicale.delete("work", href=href)
        await world.book(world.at(14))
        proxy.when(faults.says(429, Retry_After="3600"), "PUT", times=None)
        await desk.round()

        assert (await desk.connection(uid)).state == "degraded"
        assert await wait_of(desk, uid) > 3500


@pytest.mark.parametrize("form", faults.TOKEN_GONE)
async def test_F61_a_forgotten_token_forgets_no_busy_time_on_the_way(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy, radicale: CalendarServer, *, form: str
) -> None:
    await world.book(world.at(10))
    await desk.round()
    await radicale.put("work", "walk", event("walk", world.at(15)))
    proxy.clear()
    proxy.forget_tokens(form)
    halfway = asyncio.Event()

    async def pause(call: Call) -> web.StreamResponse:
        halfway.set()
        await asyncio.sleep(0.3)
        return (await call.forward()).response()

    proxy.when(pause, "REPORT", body=MULTIGET)
    rounds = asyncio.create_task(desk.round())
    await halfway.wait()
    assert await desk.busy() == lunch(world)
    await rounds

    assert await desk.busy() == [*lunch(world), (world.at(15), world.at(16))]
    assert (await desk.log(uid))[-1]["counts"]["relisted"] == 1
    assert len(await ours(radicale)) == 1
    assert proxy.writes == []


@pytest.mark.parametrize("fault", [faults.without_etag(), faults.weak_etag()], ids=["none", "weak"])
async def test_F61_without_etags_that_can_be_relied_on_nothing_is_doubled_or_written_over(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy, radicale: CalendarServer, *, fault: Fault
) -> None:
    proxy.when(fault, times=None)
    booked = await world.book(world.at(10))
    await desk.round(2)
    ((href, text),) = (await ours(radicale)).items()
    proxy.requests.clear()
    await desk.round(2)
    assert proxy.writes == []

    await radicale.put("work", "", dragged(text, world.at(10), world.at(15)), href=href)
    await desk.round(3)

    assert await desk.appointment(booked.appointment.uid) == ("confirmed", world.at(15), 1)
    assert len(await ours(radicale)) == 1
    assert proxy.writes == []
    assert await desk.busy() == lunch(world)


# Lost answers


def gateway() -> Fault:
    """It is done, and somebody on the way says that it is not known."""

    async def fault(call: Call) -> web.StreamResponse:
        await call.forward()
        return web.Response(status=504)

    return fault


LOST: dict[str, tuple[Callable[[], Fault], int]] = {
    "never": (lambda: faults.half_open(after=True), 1),
    "cut off": (faults.cut_after, 1),
    "a gateway": (gateway, 1),
}


@pytest.mark.parametrize("name", LOST)
async def test_F62_a_put_whose_answer_was_lost_is_adopted(
    world: World, settings: Settings, uid: UUID, proxy: DavProxy, radicale: CalendarServer, *, name: str
) -> None:
    fault, times = LOST[name]
    async with open_desk(world, settings, timeout_s=TOO_SLOW_S) as desk:
        proxy.when(fault(), "PUT", times=times)
        booked = await world.book(world.at(10))
        await desk.round()
        assert (await desk.connection(uid)).state == "degraded"
        assert len(await ours(radicale)) == 1

        await desk.round()
        assert (await desk.connection(uid)).state == "active"
        proxy.clear()
        await desk.round(3)

        ((href, text),) = (await ours(radicale)).items()
        assert proxy.writes == []
        assert await desk.busy() == lunch(world)
        assert await desk.appointment(booked.appointment.uid) == ("confirmed", world.at(10), 0)
        await radicale.put("work", "", dragged(text, world.at(10), world.at(15)), href=href)
        await desk.round()
        assert await desk.appointment(booked.appointment.uid) == ("confirmed", world.at(15), 1)


@pytest.mark.parametrize("name", LOST)
async def test_F62_a_change_whose_answer_was_lost_is_not_taken_for_the_providers(
    world: World, settings: Settings, uid: UUID, proxy: DavProxy, radicale: CalendarServer, *, name: str
) -> None:
    fault, times = LOST[name]
    async with open_desk(world, settings, timeout_s=TOO_SLOW_S) as desk:
        booked = await world.book(world.at(10))
        await desk.round(2)
        await move(world, booked, world.at(15))
        proxy.when(fault(), "PUT", times=times)
        await desk.round()
        assert (await desk.connection(uid)).state == "degraded"

        await desk.round(3)

        (text,) = (await ours(radicale)).values()
        assert f"DTSTART:{stamp(world.at(15))}" in text
        assert await desk.appointment(booked.appointment.uid) == ("confirmed", world.at(15), 1)
        assert len(await desk.facts("appointment.rescheduled")) == 1
        assert (await desk.connection(uid)).state == "active"


async def test_F62_a_change_whose_answer_was_lost_does_not_undo_the_next_one(
    world: World, settings: Settings, uid: UUID, proxy: DavProxy, radicale: CalendarServer
) -> None:
    async with open_desk(world, settings, timeout_s=TOO_SLOW_S) as desk:
        booked = await world.book(world.at(10))
        await desk.round(2)
        await move(world, booked, world.at(15))
        proxy.when(faults.half_open(after=True), "PUT")
        await desk.round()
        await move(world, booked, world.at(16))
        await desk.round(2)

        (text,) = (await ours(radicale)).values()
        assert f"DTSTART:{stamp(world.at(16))}" in text
        assert await desk.appointment(booked.appointment.uid) == ("confirmed", world.at(16), 2)


async def test_F62_a_deletion_whose_answer_was_lost_is_done(
    world: World, settings: Settings, uid: UUID, proxy: DavProxy, radicale: CalendarServer
) -> None:
    async with open_desk(world, settings, timeout_s=TOO_SLOW_S) as desk:
        booked = await world.book(world.at(10))
        await desk.round(2)
        await cancelled(world, booked)
        proxy.when(faults.half_open(after=True), "DELETE")
        await desk.round()
        assert (await desk.connection(uid)).state == "degraded"
        assert await ours(radicale) == {}

        await desk.round(2)
        assert (await desk.connection(uid)).state == "active"
        assert await world.sql("SELECT 1 FROM pushed_events WHERE business_id = $1", world.business_id) == []


async def test_F62_a_worker_that_dies_after_its_put_leaves_one_event(
    own_world: World, settings: Settings, radicale: CalendarServer, proxy: DavProxy
) -> None:
    world = own_world
    await world.service()
    async with open_desk(world, settings) as desk:
        uid = await desk.connect(proxy.url, radicale.user, radicale.password)
        await world.book(world.at(10))
        proxy.when(faults.half_open(after=True), "PUT")
        await desk.tell()
        worker = asyncio.create_task(Syncing(desk.tools, settings.worker).run())
        while await ours(radicale) == {}:
            await asyncio.sleep(0.02)
        worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await worker
        (row,) = await world.sql("SELECT leased_until > clock_timestamp() AS held FROM connections")
        assert row["held"]

        await desk.round(2)
        assert len(await ours(radicale)) == 1
        assert (await desk.connection(uid)).state == "active"


# What the provider does to our events


async def test_F63_a_drag_is_put_back_where_the_provider_wants_no_moves_and_then_it_is_quiet(
    world: World, desk: Desk, proxy: DavProxy, radicale: CalendarServer
) -> None:
    await desk.connect(proxy.url, radicale.user, radicale.password, on_move="put_back")
    booked = await world.book(world.at(10))
    await desk.round(2)
    ((href, text),) = (await ours(radicale)).items()
    await radicale.put("work", "", dragged(text, world.at(10), world.at(15)), href=href)
    await desk.round(2)

    (text,) = (await ours(radicale)).values()
    assert f"DTSTART:{stamp(world.at(10))}" in text
    assert await desk.appointment(booked.appointment.uid) == ("confirmed", world.at(10), 0)
    assert len(await desk.facts("calendar.put_back")) == 1
    proxy.clear()
    await desk.round(3)
    assert proxy.writes == []


async def test_F63_after_each_answer_both_sides_are_quiet(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy, radicale: CalendarServer
) -> None:
    moved, removed = await world.book(world.at(10)), await world.book(world.at(14))
    await desk.round(2)
    texts = await ours(radicale)
    one, other = (next(href for href, text in texts.items() if stamp(world.at(h)) in text) for h in (10, 14))
    await radicale.put("work", "", dragged(texts[one], world.at(10), world.at(16)), href=one)
    await radicale.delete("work", href=other)
    await desk.round(2)
    assert await desk.appointment(moved.appointment.uid) == ("confirmed", world.at(16), 1)
    assert (await desk.appointment(removed.appointment.uid))["status"] == "cancelled"

    proxy.clear()
    facts = await world.sql("SELECT count(*) FROM outbox WHERE business_id = $1", world.business_id)
    await desk.round(4)

    assert proxy.writes == []
    assert await world.sql("SELECT count(*) FROM outbox WHERE business_id = $1", world.business_id) == facts


@pytest.mark.parametrize("way", ["moves", "deletes"])
async def test_F63_what_is_put_back_again_and_again_is_left_alone_in_the_end(
    world: World, desk: Desk, proxy: DavProxy, radicale: CalendarServer, way: str
) -> None:
    """Something that is no person: a rule of theirs, or another program that syncs."""
    uid = await desk.connect(proxy.url, radicale.user, radicale.password, on_move="put_back", on_delete="put_back")
    booked = await world.book(world.at(10))
    await desk.round(2)
    for _ in range(8):
        for href, text in (await ours(radicale)).items():
            if way == "moves":
                await radicale.put("work", "", dragged(text, world.at(10), world.at(15)), href=href)
            else:
                await radicale.delete("work", href=href)
        await desk.round(2)

    assert len(await desk.facts("calendar.put_back")) == 5
    assert await desk.appointment(booked.appointment.uid) == ("confirmed", world.at(10), 0)
    proxy.clear()
    await desk.round(2)
    assert proxy.writes == []
    assert any("left as it is" in problem for entry in await desk.log(uid) for problem in entry["problems"])


# The guard against mass deletions


async def test_F63_many_gone_at_once_ask_first_and_only_those_are_cancelled(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy, radicale: CalendarServer
) -> None:
    booked = [await world.book(world.at(9 + n // 2 + (n > 5), n % 2 * 30)) for n in range(9)]
    await desk.round(2)
    texts = await ours(radicale)
    doomed = booked[:6]
    for href, text in texts.items():
        if any(str(each.appointment.uid) in text for each in doomed):
            await radicale.delete("work", href=href)
    await desk.round()

    connection = await desk.connection(uid)
    assert (connection.state, connection.reason) == ("paused", "mass_deletion")
    assert "6 of 9" in connection.last_error
    assert len(await desk.facts("calendar.trouble")) == 1
    statuses = {(await desk.appointment(each.appointment.uid))["status"] for each in booked}
    assert statuses == {"confirmed"}

    await resume(world.core, desk.editor, uid, deletions="meant")
    await desk.round(2)
    statuses = [(await desk.appointment(each.appointment.uid))["status"] for each in booked]
    assert statuses == ["cancelled"] * 6 + ["confirmed"] * 3
    assert (await desk.connection(uid)).reason == ""


async def test_F63_a_few_gone_at_once_are_a_wish(world: World, desk: Desk, uid: UUID, radicale: CalendarServer) -> None:
    booked = [await world.book(world.at(9 + n // 2 + (n > 5), n % 2 * 30)) for n in range(9)]
    await desk.round(2)
    for href, text in (await ours(radicale)).items():
        if any(str(each.appointment.uid) in text for each in booked[:5]):
            await radicale.delete("work", href=href)
    await desk.round(2)

    assert (await desk.connection(uid)).state == "active"
    statuses = [(await desk.appointment(each.appointment.uid))["status"] for each in booked]
    assert statuses == ["cancelled"] * 5 + ["confirmed"] * 4


async def test_F63_a_server_that_says_that_all_is_gone_is_not_believed(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy
) -> None:
    booked = await world.book(world.at(10))
    await desk.round(2)
    proxy.forget_tokens()
    proxy.when(faults.lists_nothing(), "REPORT", body=SYNC, times=None)
    await desk.round()

    connection = await desk.connection(uid)
    assert (connection.state, connection.reason) == ("paused", "emptied")
    assert await desk.busy() == lunch(world)
    proxy.clear()
    await resume(world.core, desk.editor, uid, deletions="undone")
    await desk.round(2)
    assert (await desk.appointment(booked.appointment.uid))["status"] == "confirmed"
    assert proxy.writes == []
    assert await desk.busy() == lunch(world)


async def test_F63_a_deletion_that_the_server_itself_does_not_confirm_cancels_nothing(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy, radicale: CalendarServer
) -> None:
    booked = await world.book(world.at(10))
    await desk.round(2)
    (href,) = await ours(radicale)
    name = href.rpartition("/")[2]
    await radicale.put("work", "", (await ours(radicale))[href] + "\r\n", href=href)  # so that it is listed
    proxy.when(faults.denies(name), "REPORT", body=SYNC)
    await desk.round()
    assert (await desk.appointment(booked.appointment.uid))["status"] == "confirmed"

    await radicale.delete("work", href=href)
    proxy.when(faults.says(503), "GET", path=ICS, times=None)
    await desk.round()
    assert (await desk.appointment(booked.appointment.uid))["status"] == "confirmed"
    assert (await desk.connection(uid)).state == "degraded"
    proxy.clear()
    await desk.round()
    assert (await desk.appointment(booked.appointment.uid))["status"] == "cancelled"


# What is ours


async def test_F64_our_own_events_are_not_busy_wherever_they_turn_up(
    world: World, desk: Desk, uid: UUID, radicale: CalendarServer, published_calendar: IcsServer
) -> None:
    booked = await world.book(world.at(10))
    await desk.round()
    (text,) = (await ours(radicale)).values()
    published_calendar.text = text
    await radicale.make_calendar("copies")
    await radicale.put("copies", "copied", text)
    await desk.connect(radicale.url, radicale.user, radicale.password, calendar="copies", receives=False)
    await desk.subscribe(published_calendar.url)
    await desk.round()

    assert await desk.busy() == lunch(world)
    conflicts = await world.sql("SELECT 1 FROM calendar_conflicts WHERE business_id = $1", world.business_id)
    assert conflicts == []
    await cancelled(world, booked)
    await desk.round()
    assert await refused_by(world, world.at(10)) == set()


@pytest.mark.parametrize("document", ["appointments", "freebusy", "ifb"])
@pytest.mark.parametrize("privacy", ["full", "busy"])
async def test_F64_our_own_feed_subscribed_to_is_not_busy(
    world: World, desk: Desk, client: TestClient[Any, Any], document: str, privacy: str
) -> None:
    """Or else an appointment that moves could never be where it was."""
    feed = await make_feed(client, world, privacy=privacy)
    first, _ = await world.book(world.at(10)), await world.book(world.at(10, 30))
    await world.sql(
        "INSERT INTO busy_blocks (business_id, provider_id, during, source)"
        " SELECT business_id, id, tstzrange($2, $3), 'time_off' FROM providers WHERE business_id = $1",
        world.business_id,
        world.at(15),
        world.at(16),
    )

    async def serve(_server: IcsServer, _request: web.Request) -> web.StreamResponse:
        answer = await client.get(feed["paths"][document], headers={"Accept-Encoding": "identity"})
        return web.Response(body=await answer.read(), content_type="text/calendar")

    async with ics_server() as server:
        server.answer = serve
        uid = await desk.subscribe(server.url)
        assert await desk.busy() == []
        await move(world, first, world.at(13))
        await desk.round(2)
        assert await desk.busy() == []
        assert (await desk.connection(uid)).state == "active"
        assert await refused_by(world, world.at(10)) == set()


# The circuit breaker that workers share


async def test_F61_a_server_that_fails_is_left_alone_by_all_workers_and_by_their_timers(
    own_world: World, settings: Settings, radicale_program: Radicale
) -> None:
    world = own_world
    await world.service()
    async with (
        radicale_program.account() as person,
        dav_proxy(radicale_program.url) as broken,
        dav_proxy(radicale_program.url, host="127.0.0.2") as well,
        open_desk(world, settings) as desk,
        open_desk(world, settings) as second,
    ):
        await desk.connect(broken.url, person.user, person.password, receives=False)
        await desk.connect(well.url, person.user, person.password, receives=False)
        broken.when(faults.says(503), times=None)
        for worker in (desk, second, desk, second, desk):
            await due(world)
            assert await worker.syncing.turn() == 2
            await worker.syncing.finish()
        (row,) = await world.sql(
            "SELECT extract(epoch FROM shut_until - clock_timestamp())::float8 AS s FROM calendar_peers"
            " WHERE host = '127.0.0.1'"
        )
        assert 10 < row["s"] <= 15

        broken.requests.clear()
        await due(world)
        assert await second.syncing.turn() == 1
        for row in await world.sql("SELECT business_id, id FROM connections"):
            await second.syncing.sync((row["business_id"], row["id"]))
        await second.syncing.finish()
        assert broken.requests == []
        assert await troubles(world, "127.0.0.2") == 0

        await world.sql("UPDATE calendar_peers SET shut_until = clock_timestamp() - interval '1 second'")
        await due(world)
        assert await second.syncing.turn() == 2
        await second.syncing.finish()
        (row,) = await world.sql(
            "SELECT extract(epoch FROM shut_until - clock_timestamp())::float8 AS s FROM calendar_peers"
            " WHERE host = '127.0.0.1'"
        )
        assert 20 < row["s"] <= 30

        broken.clear()
        await world.sql("UPDATE calendar_peers SET shut_until = clock_timestamp() - interval '1 second'")
        await due(world)
        await desk.syncing.turn()
        await desk.syncing.finish()
        assert await world.sql("SELECT 1 FROM calendar_peers") == []


async def test_F61_one_account_that_fails_for_ever_does_not_shut_its_server_for_the_others(
    own_world: World, settings: Settings, radicale_program: Radicale
) -> None:
    world = own_world
    await world.service()
    async with (
        radicale_program.account() as person,
        dav_proxy(radicale_program.url) as broken,
        open_desk(world, settings) as desk,
    ):
        await desk.connect(broken.url, person.user, person.password, receives=False)
        await desk.connect(radicale_program.url, person.user, person.password, receives=False)
        broken.when(faults.says(500), times=None)
        for _ in range(7):
            await due(world)
            assert await desk.syncing.turn() == 2
            await desk.syncing.finish()
