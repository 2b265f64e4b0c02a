"""
Rows F54 to F60 and F65 to F67: calendar servers that hang, lie, attack or are away, met by whole rounds of the worker.

Leaves what the guarded client does by itself to `test_f_outbound`, each answer's meaning to
`unit/ics/remote/test_caldav_faults`, the words of the API to `integration/test_calendar_api`, signing in to
`integration/test_calendar_sign_in`, and what follows from answers and edits to `test_f_calendar_answers`.
"""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from server.domain.errors import NotOffered
from server.settings import SecretSettings, Settings
from tests.calendar_desk import Desk, event, open_desk
from tests.faults.calendar_wire import (
    FIRST_WAIT,
    ONE,
    TOO_SLOW_S,
    lunch,
    ours,
    refused_by,
    stamp,
    troubles,
    wait_of,
)
from tests.peers import dav_proxy as faults
from tests.peers import ics_server as files
from tests.peers.calendar_servers import CalendarServer, Radicale
from tests.peers.canary import canary
from tests.peers.dav_proxy import DAV, MULTIGET, SYNC, Call, DavProxy, Fault, dav_proxy
from tests.peers.ics_server import IcsServer
from tests.peers.webhook_receiver import http_server
from tests.steps import at_most
from tests.world import World, open_core, settings_for

pytest_plugins = ("tests.peers.calendar_fixtures",)

# Where calls go


async def test_F54_a_server_that_was_allowed_when_it_was_connected_is_not_called_when_it_is_no_more(
    world: World, settings: Settings, uid: UUID, proxy: DavProxy
) -> None:
    """Whatever its name leads to now: the address is looked at before each round's connection, not once."""
    await world.book(world.at(10))
    async with open_desk(world, settings, allowed_networks=()) as strict:
        await strict.round()

        connection = await strict.connection(uid)
        assert (connection.state, connection.last_error) == ("degraded", "this address must not be called")
        assert proxy.requests == []
        assert await strict.busy() == lunch(world)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_F55_a_redirect_to_the_inside_is_not_followed_in_a_round(
    world: World, settings: Settings, uid: UUID, proxy: DavProxy, status: int
) -> None:
    await world.book(world.at(10))
    async with canary("127.0.0.2") as bird, open_desk(world, settings, allowed_networks=ONE) as strict:
        proxy.when(faults.redirect(f"http://127.0.0.2:{bird.port}/", status), times=None)
        await strict.round()

        connection = await strict.connection(uid)
        assert (connection.state, connection.last_error) == ("degraded", "this address must not be called")
        assert bird.connections == 0
        assert await strict.busy() == lunch(world)

        proxy.clear()
        proxy.when(faults.redirect(f"http://127.0.0.2:{bird.port}/", status), "PUT", times=None)
        await strict.round()
        assert proxy.count("PUT") > 0
        assert bird.connections == 0


async def test_F55_a_password_does_not_follow_a_redirect_to_another_server_even_where_that_may_be_called(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy, radicale: CalendarServer
) -> None:
    await world.book(world.at(10))
    seen: list[str] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(f"{request.headers} {await request.text()}")
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="calendars"'})

    async with http_server([web.route("*", "/{path:.*}", note)], host="127.0.0.2") as elsewhere:
        for status in (302, 307):
            proxy.when(faults.redirect(f"{elsewhere}/{radicale.user}/", status), times=None)
            await desk.round()
            proxy.clear()

    assert len(seen) > 0
    password = radicale.authorization.removeprefix("Basic ")
    assert not any(password in each or "Authorization" in each for each in seen)
    assert (await desk.connection(uid)).state == "degraded"


async def test_F55_no_address_in_an_answer_is_called(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy, radicale: CalendarServer
) -> None:
    async with canary() as bird:
        inside = f"http://127.0.0.1:{bird.port}/"

        def lead_away(tree: Any) -> None:
            for each in tree.iter(f"{DAV}response"):
                if "dinner" in (each.findtext(f"{DAV}href") or ""):
                    each.find(f"{DAV}href").text = inside + "dinner.ics"

        await radicale.put("work", "dinner", event("dinner", world.at(15)))
        proxy.when(faults.edited(lead_away), "REPORT", body=SYNC, times=None)
        await desk.round(2)

        assert bird.connections == 0
        assert await desk.busy() == lunch(world)


async def test_F55_a_loop_of_redirects_ends_and_nothing_is_forgotten(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy
) -> None:
    proxy.when(faults.redirect_loop(), times=None)
    await desk.round()

    assert (await desk.connection(uid)).state == "degraded"
    assert 1 < len(proxy.requests) <= 10
    assert await desk.busy() == lunch(world)


# Answers without an end, bombs


@pytest.mark.parametrize("name", ["half_open", "slow_drip", "announces_and_stops"])
async def test_F56_a_peer_that_never_comes_to_an_end_is_given_up_and_holds_up_nobody(
    world: World, settings: Settings, uid: UUID, proxy: DavProxy, radicale_program: Radicale, *, name: str
) -> None:
    stalls = {
        "half_open": faults.half_open(),
        "slow_drip": faults.slow_drip(0.3),
        "announces_and_stops": faults.announces(100_000),
    }
    async with (
        radicale_program.account() as other,
        open_desk(world, settings, timeout_s=60) as patient,
        open_desk(world, settings, timeout_s=TOO_SLOW_S) as desk,
    ):
        await patient.world.provider("bea")
        fine = await patient.connect(other.url, other.user, other.password, provider="bea")
        await other.put("work", "walk", event("walk", world.at(15)))
        proxy.clear()
        proxy.when(stalls[name], times=None)
        before = (await desk.connection(fine)).synced_at

        rounds = asyncio.create_task(patient.round())
        while not proxy.requests:
            await asyncio.sleep(0.01)
        while (await desk.connection(fine)).synced_at == before:
            await asyncio.sleep(0.01)
        assert not rounds.done()  # nobody waited for the one that is stuck
        for each in [rounds, *patient.syncing._tasks]:
            each.cancel()
        await asyncio.wait([rounds])

        await desk.round()

    connection = await desk.connection(uid)
    assert (connection.state, connection.last_error) == ("degraded", "the calendar server did not answer in time")
    assert FIRST_WAIT[0] - 1 <= await wait_of(desk, uid) <= FIRST_WAIT[1]
    assert await desk.busy("bea") == [(world.at(15), world.at(16))]
    assert await desk.busy() == lunch(world)


async def test_F56_a_round_ends_in_time_however_many_slow_answers_it_takes(
    world: World, settings: Settings, uid: UUID, proxy: DavProxy, radicale: CalendarServer
) -> None:
    """Each answer in time by itself; all of them together are not. What was got counts, and the next goes on."""
    for n in range(4):
        await radicale.put("work", f"e{n}", event(f"e{n}", world.at(14 + n)))
    proxy.in_pages(1)
    proxy.when(faults.late(0.4), "REPORT", body=MULTIGET, times=None)
    async with open_desk(world, settings, round_s=1.0) as desk:
        await desk.round()
        connection = await desk.connection(uid)
        assert connection.state == "degraded"
        assert "next round goes on" in connection.last_error
        assert await wait_of(desk, uid) < 2
        assert await troubles(world) == 0
        got = await desk.busy()
        assert 1 < len(got) < 5

        proxy.clear()
        await desk.round()
        assert len(await desk.busy()) == 5
        assert proxy.count("REPORT", body=MULTIGET) == 1
        assert (await desk.connection(uid)).state == "active"


async def test_F56_a_server_that_hangs_does_not_take_the_places_of_others(
    own_world: World, settings: Settings, radicale_program: Radicale
) -> None:
    world = own_world
    await world.service()
    async with (
        radicale_program.account() as person,
        dav_proxy(radicale_program.url) as stuck,
        dav_proxy(radicale_program.url, host="127.0.0.2") as well,
        open_desk(world, settings, per_server=2, syncing=4, timeout_s=2) as desk,
    ):
        for _ in range(5):
            await desk.connect(stuck.url, person.user, person.password, receives=False)
        fine = await desk.connect(well.url, person.user, person.password, receives=False)
        stuck.clear()
        stuck.when(faults.half_open(), times=None)
        await world.sql("UPDATE connections SET due_at = clock_timestamp() - make_interval(secs => 1000 - id)")
        before = (await desk.connection(fine)).synced_at

        await desk.syncing.turn()
        for row in await world.sql("SELECT business_id, id FROM connections"):  # as its timers do
            await desk.syncing.sync((row["business_id"], row["id"]))
        async with asyncio.timeout(1.5):
            while (await desk.connection(fine)).synced_at == before:
                await asyncio.sleep(0.01)

        assert len(stuck.requests) == 2
        await desk.syncing.finish()


@pytest.mark.parametrize(
    "fault",
    [faults.gzip_bomb(50), faults.announces(), faults.never_ending()],
    ids=["gzip bomb", "a gigabyte announced", "never ending"],
)
async def test_F57_a_bomb_is_not_unpacked_and_nothing_is_forgotten(
    world: World, settings: Settings, uid: UUID, proxy: DavProxy, fault: Fault
) -> None:
    async with open_desk(world, settings, max_bytes=1_000_000) as desk:
        proxy.when(fault, "REPORT", times=None)
        proxy.when(fault, "PROPFIND", times=None)
        await desk.round()

        connection = await desk.connection(uid)
        assert connection.state == "degraded"
        assert "too large" in connection.last_error or "cannot be understood" in connection.last_error
        assert await desk.busy() == lunch(world)
        proxy.clear()
        await desk.round()
        assert (await desk.connection(uid)).state == "active"


def typed() -> Fault:
    """The right answer, which has a document type as well: nothing else is wrong with it."""

    async def fault(call: Call) -> web.StreamResponse:
        answer = await call.forward()
        begin = answer.body.index(b"<", 1 + answer.body.index(b"?>")) if answer.body.startswith(b"<?xml") else 0
        body = answer.body[:begin] + b'<!DOCTYPE x [<!ENTITY y "z">]>' + answer.body[begin:]
        return web.Response(status=answer.status, headers={"Content-Type": faults.XML}, body=body)

    return fault


async def test_F58_xml_that_attacks_is_refused_and_nothing_is_fetched_or_forgotten(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy
) -> None:
    async with canary() as bird:
        documents = [
            faults.entity_bomb(),
            faults.external_entity("file:///etc/hostname"),
            faults.external_entity(f"http://127.0.0.1:{bird.port}/secret"),
            faults.external_dtd(f"http://127.0.0.1:{bird.port}/x.dtd"),
            faults.nested(),
        ]
        for document in documents:
            proxy.when(faults.says(207, document), "REPORT", times=None)
            proxy.when(faults.says(207, document), "PROPFIND", times=None)
            with at_most(2_000_000):
                await desk.round()
            assert (await desk.connection(uid)).state == "degraded"
            assert await desk.busy() == lunch(world)
            proxy.clear()

        assert bird.connections == 0
    proxy.when(typed(), "REPORT", times=None)
    await desk.round()
    assert "not allowed" in (await desk.connection(uid)).last_error
    proxy.clear()
    await desk.round()
    assert (await desk.connection(uid)).state == "active"


# Events that attack


HOSTILE_RULES = {
    "secondly": ("DTSTART:19700101T000000Z", "DURATION:PT1M", "RRULE:FREQ=SECONDLY"),
    "minutely": ("DTSTART:19700101T000000Z", "DURATION:PT1M", "RRULE:FREQ=MINUTELY;COUNT=1000000000"),
    "dates": (
        "DTSTART:19700101T000000Z",
        "DURATION:PT1M",
        "RDATE:"
        + ",".join(
            f"{2026 + n // 20_000}{1 + n // 1440 % 12:02}{1 + n // 5_000 % 28:02}T{n // 60 % 24:02}{n % 60:02}00Z"
            for n in range(50_000)
        ),
    ),
}


def file_of(*events: str) -> str:
    """A published file of these events, each made by `event` or `raw_event`."""
    parts = [each.partition("BEGIN:VEVENT")[2].partition("END:VCALENDAR")[0] for each in events]
    return files.EMPTY.replace("END:VCALENDAR", "".join(f"BEGIN:VEVENT{part}" for part in parts) + "END:VCALENDAR")


def raw_event(uid: str, *lines: str) -> str:
    """An event of these lines and no others."""
    return "\r\n".join(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "BEGIN:VEVENT",
            *([f"UID:{uid}"] if uid else []),
            *lines,
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        ]
    )


@pytest.mark.parametrize("name", HOSTILE_RULES)
async def test_F59_a_rule_that_is_too_wild_blocks_and_is_named_while_others_sync(
    world: World, desk: Desk, uid: UUID, radicale: CalendarServer, published_calendar: IcsServer, *, name: str
) -> None:
    await world.provider("bea")
    published_calendar.text = file_of(raw_event("wild", *HOSTILE_RULES[name]), event("tea", world.at(16)))
    wild = await desk.subscribe(published_calendar.url, provider="bea")
    await radicale.put("work", "walk", event("walk", world.at(15)))
    await desk.round()

    assert (await desk.connection(uid)).state == "active"
    assert await desk.busy() == [*lunch(world), (world.at(15), world.at(16))]
    blocked = await desk.busy("bea")
    assert any(start <= world.at(9) and end >= world.at(17) for start, end in blocked)
    assert any("wild" in problem for entry in await desk.log(wild) for problem in entry["problems"])


async def test_F59_a_rule_that_never_matches_costs_and_blocks_nothing(
    world: World, desk: Desk, published_calendar: IcsServer
) -> None:
    never = ("DTSTART:19700101T000000Z", "DURATION:PT1M", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31")
    published_calendar.text = file_of(raw_event("never", *never), event("tea", world.at(16)))
    uid = await desk.subscribe(published_calendar.url)

    assert await desk.busy() == [(world.at(16), world.at(17))]
    assert (await desk.connection(uid)).state == "active"


async def test_F60_what_cannot_be_read_is_named_and_the_rest_of_the_file_counts(
    world: World, desk: Desk, published_calendar: IcsServer
) -> None:
    day = f"{world.at(12):%Y%m%d}"
    published_calendar.text = file_of(
        event("first", world.at(9)),
        raw_event("no-start", "SUMMARY:When?"),
        raw_event("backwards", f"DTSTART:{day}T120000Z", f"DTEND:{day}T110000Z"),
        raw_event("garbled", "DTSTART:99999999T999999Z", "DTEND:tomorrow"),
        raw_event("picture", f"DTSTART:{stamp(world.at(10))}", "DURATION:PT30M", "ATTACH:" + "x" * 5_000_000),
        raw_event("", f"DTSTART:{stamp(world.at(11))}", "DURATION:PT30M"),
        raw_event(
            "zone", f"DTSTART;TZID=Nowhere/Ville:{world.at(13).astimezone(world.zone):%Y%m%dT%H%M%S}", "DURATION:PT30M"
        ),
        raw_event("floating", f"DTSTART:{world.at(14).astimezone(world.zone):%Y%m%dT%H%M%S}", "DURATION:PT30M"),
        event("last", world.at(16)),
    ).replace("SUMMARY:Dentist", "SUMMARY:\udcff\udcfe\x00", 1)
    published_calendar.answer = files.says(200, published_calendar.text.encode("utf-8", "surrogateescape"))
    uid = await desk.subscribe(published_calendar.url)

    half = timedelta(minutes=30)
    assert await desk.busy() == [
        (world.at(9), world.at(10)),
        *((world.at(hour), world.at(hour) + half) for hour in (10, 11, 13, 14)),
        (world.at(16), world.at(17)),
    ]
    connection = await desk.connection(uid)
    assert (connection.state, connection.last_error) == ("active", "")
    (entry,) = await desk.log(uid)
    for name in ("no-start", "backwards", "garbled", "zone"):
        assert sum(name in problem for problem in entry["problems"]) == 1, entry["problems"]


async def test_F60_an_event_that_cannot_be_read_any_more_keeps_the_time_it_had(
    world: World, desk: Desk, uid: UUID, radicale: CalendarServer, published_calendar: IcsServer
) -> None:
    await world.provider("bea")
    published_calendar.text = file_of(event("tea", world.at(16)), event("walk", world.at(14)))
    other = await desk.subscribe(published_calendar.url, provider="bea")
    known = await desk.busy("bea")
    assert len(known) == 2

    published_calendar.text = published_calendar.text.replace(f"DTSTART:{stamp(world.at(16))}", "DTSTART:garbled")
    await desk.round()

    assert await desk.busy("bea") == known
    assert any("tea" in problem for problem in (await desk.log(other))[-1]["problems"])


async def test_F60_a_file_of_far_too_many_events_is_refused_and_the_last_known_time_counts(
    world: World, settings: Settings, published_calendar: IcsServer
) -> None:
    published_calendar.text = file_of(event("tea", world.at(16)))
    async with open_desk(world, settings, max_bytes=20 * 1024 * 1024) as desk:
        uid = await desk.subscribe(published_calendar.url)
        one = event("n{}", world.at(9)).partition("BEGIN:VEVENT")[2].partition("END:VCALENDAR")[0]
        published_calendar.text = files.EMPTY.replace(
            "END:VCALENDAR",
            "".join(f"BEGIN:VEVENT{one.replace('{}', str(n))}" for n in range(100_000)) + "END:VCALENDAR",
        )
        await desk.round()

        connection = await desk.connection(uid)
        assert connection.state == "degraded"
        assert await desk.busy() == [(world.at(16), world.at(17))]


# Outages


async def test_F65_an_outage_is_bridged_for_a_while_then_closes_slots_and_opens_them_again(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy, radicale: CalendarServer
) -> None:
    await world.sql("UPDATE businesses SET calendar_stale_min = 30 WHERE id = $1", world.business_id)
    proxy.when(faults.cut_before(), times=None)
    await desk.round()

    assert (await desk.connection(uid)).state == "degraded"
    assert await refused_by(world, world.at(12)) == {"busy"}
    assert await refused_by(world, world.at(10)) == set()
    await world.book(world.at(10))
    await _pass(world, minutes=29)
    assert await refused_by(world, world.at(14)) == set()

    await _pass(world, minutes=2)
    assert await refused_by(world, world.at(14)) == {"calendar"}
    with pytest.raises(NotOffered):
        await world.book(world.at(14))
    await desk.round()
    assert await refused_by(world, world.at(14)) == {"calendar"}

    proxy.clear()
    await desk.round()
    assert await refused_by(world, world.at(14)) == set()
    assert len(await ours(radicale)) == 1


async def _pass(world: World, *, minutes: int) -> None:
    """So much later, as far as the calendars of the business are concerned."""
    await world.sql(
        "UPDATE calendars SET known_at = known_at - make_interval(mins => $2) WHERE business_id = $1",
        world.business_id,
        minutes,
    )


async def test_F65_bookings_during_an_outage_do_not_make_the_server_be_asked_sooner(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy
) -> None:
    proxy.when(faults.says(503), times=None)
    await desk.round(3)
    before = await wait_of(desk, uid)
    assert before > 4 * FIRST_WAIT[0] - 1

    await world.book(world.at(10))
    await desk.tell()

    assert before - 5 < await wait_of(desk, uid) <= before


async def test_F65_waits_grow_with_each_failure_and_begin_anew_after_a_round_that_came_through(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy
) -> None:
    proxy.when(faults.says(500), times=None)
    waits = []
    for _ in range(4):
        await desk.round()
        waits.append(await wait_of(desk, uid))

    assert all(15 * 2**n - 1 <= wait <= 30 * 2**n for n, wait in enumerate(waits)), waits
    proxy.clear()
    await desk.round()
    assert (await desk.connection(uid)).failures == 0
    proxy.when(faults.says(500), times=None)
    await desk.round()
    assert await wait_of(desk, uid) <= FIRST_WAIT[1]


# Events over appointments


async def test_F66_an_event_that_came_while_somebody_booked_is_a_conflict_told_once(
    world: World, desk: Desk, uid: UUID, proxy: DavProxy, radicale: CalendarServer
) -> None:
    await world.sql("UPDATE providers SET email = 'anna@example.com' WHERE business_id = $1", world.business_id)
    await radicale.put("work", "doctor", event("doctor", world.at(9, 45)))
    read = asyncio.Event()

    async def late(call: Call) -> web.StreamResponse:
        answer = await call.forward()
        read.set()
        await asyncio.sleep(0.3)
        return answer.response()

    proxy.when(late, "REPORT", body=MULTIGET)
    rounds = asyncio.create_task(desk.round())
    await read.wait()
    booked = await world.book(world.at(10))  # its server has told us of the event, and we do not know it yet
    await rounds
    await desk.round(3)

    assert await desk.appointment(booked.appointment.uid) == ("confirmed", world.at(10), 0)
    (conflict,) = await desk.facts("calendar.conflict")
    assert (conflict["appointment"], conflict["busy_start"]) == (
        str(booked.appointment.uid),
        world.at(9, 45).isoformat(),
    )
    mails = await world.sql(
        "SELECT target FROM deliveries WHERE business_id = $1 AND message = 'calendar_conflict'", world.business_id
    )
    assert [row["target"] for row in mails] == ["anna@example.com"]
    assert len(await ours(radicale)) == 1


# Secrets


async def test_F67_a_dump_of_the_whole_database_opens_nothing_without_the_secret(
    world: World, settings: Settings, uid: UUID, proxy: DavProxy, database_url: str, *, radicale: CalendarServer
) -> None:
    stolen = settings_for(database_url, None, secret=SecretSettings(keys="another-secret-of-somebody-else-0123456789"))
    async with open_core(stolen) as core:
        theirs = World(core, world.business_id, world.slug, world.location_id, world.zone, world.api_key)
        async with open_desk(theirs, stolen) as thief:
            await thief.round()
            connection = await thief.connection(uid)

    assert connection.state == "needs_reauth"
    assert proxy.requests == []
