"""
Proves the rows of two-way sync against real calendar servers: what is there blocks, bookings appear, edits come back.

Leaves faults of peers to `tests/faults/test_f_calendars`, and random edits to `test_sync_random`.
"""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from server.settings import Settings
from server.usecases.cancel import cancel
from server.usecases.connections import choose_calendar
from server.usecases.find_slots import SlotQuery, find_slots
from server.usecases.places import target_of_staff, target_of_token
from server.usecases.reschedule import reschedule
from tests.calendar_desk import Desk, event, open_desk
from tests.peers.calendar_servers import CalendarServer
from tests.peers.dav_proxy import MULTIGET, cut_after, dav_proxy, denies, says
from tests.world import World, no_key

pytest_plugins = ("tests.peers.calendar_fixtures",)


@pytest.fixture
async def desk(world: World, settings: Settings) -> AsyncIterator[Desk]:
    async with open_desk(world, settings) as desk:
        yield desk


async def starts(world: World, days: int = 7) -> list[int]:
    """Free starts on that day, in seconds."""
    day = world.at(12, days=days).date()
    found = await find_slots(world.core, SlotQuery(business=world.slug, service="cut", first=day, last=day))
    return [slot[0] for slot in found.slots]


async def test_an_event_blocks_its_time_and_lets_it_go(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password)
    await calendar_server.put("work", "lunch", event("lunch", world.at(12)))

    await desk.round()

    assert await desk.busy() == [(world.at(12), world.at(13))]
    free = await starts(world)
    assert world.at(12).timestamp() not in free
    assert world.at(13).timestamp() in free

    await calendar_server.put("work", "lunch", event("lunch", world.at(14)))
    await desk.round()
    assert await desk.busy() == [(world.at(14), world.at(15))]

    await calendar_server.delete("work", "lunch")
    await calendar_server.put("work", "other", event("other", world.at(9, days=8)))
    await desk.round()
    assert await desk.busy() == [(world.at(9, days=8), world.at(10, days=8))]


async def test_a_booking_appears_moves_and_goes(world: World, desk: Desk, calendar_server: CalendarServer) -> None:
    await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password)
    booked = await world.book(world.at(10))

    await desk.round()

    (text,) = (await calendar_server.texts("work")).values()
    assert f"UID:{booked.appointment.uid}" in text
    assert "Robin Example" in text
    assert "ATTENDEE" not in text
    assert "ORGANIZER" not in text
    assert "METHOD" not in text
    assert await desk.busy() == []

    await reschedule(world.core, await target_of_token(world.core, booked.manage_token), world.at(15), no_key(200))
    await desk.round()
    (text,) = (await calendar_server.texts("work")).values()
    assert f"DTSTART:{world.at(15).strftime('%Y%m%dT%H%M%SZ')}" in text

    await cancel(world.core, await target_of_token(world.core, booked.manage_token), no_key(200))
    await desk.round()
    assert await calendar_server.texts("work") == {}


async def test_a_drag_in_the_calendar_moves_the_appointment(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    uid = await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password)
    booked = await world.book(world.at(10))
    await desk.round(2)
    ((href, text),) = (await calendar_server.texts("work")).items()

    moved = text.replace(world.at(10).strftime("%Y%m%dT%H%M%SZ"), world.at(13).strftime("%Y%m%dT%H%M%SZ")).replace(
        world.at(10, 30).strftime("%Y%m%dT%H%M%SZ"), world.at(13, 30).strftime("%Y%m%dT%H%M%SZ")
    )
    await calendar_server.put("work", "", moved, href=href)
    await desk.round()

    after = await desk.appointment(booked.appointment.uid)
    assert (after["start"], after["sequence"]) == (world.at(13), 1)
    told = await desk.facts("appointment.rescheduled")
    assert [fact["actor"] for fact in told] == ["calendar"]

    await desk.round(3)
    assert (await desk.appointment(booked.appointment.uid))["sequence"] == 1
    assert (await desk.connection(uid)).state == "active"


async def test_a_drag_onto_a_taken_time_is_put_back_and_the_provider_is_told(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password)
    booked = await world.book(world.at(10))
    await world.book(world.at(13))
    await desk.round(2)
    texts = await calendar_server.texts("work")
    href, text = next((h, t) for h, t in texts.items() if str(booked.appointment.uid) in t)

    moved = text.replace(world.at(10).strftime("%Y%m%dT%H%M%SZ"), world.at(13).strftime("%Y%m%dT%H%M%SZ")).replace(
        world.at(10, 30).strftime("%Y%m%dT%H%M%SZ"), world.at(13, 30).strftime("%Y%m%dT%H%M%SZ")
    )
    await calendar_server.put("work", "", moved, href=href)
    await desk.round(2)

    assert (await desk.appointment(booked.appointment.uid))["start"] == world.at(10)
    text = await calendar_server.get("work", href=href)
    assert text is not None
    assert f"DTSTART:{world.at(10).strftime('%Y%m%dT%H%M%SZ')}" in text
    assert len(await desk.facts("calendar.put_back")) == 1


async def test_deleted_in_the_calendar_is_cancelled(world: World, desk: Desk, calendar_server: CalendarServer) -> None:
    await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password)
    booked = await world.book(world.at(10))
    await desk.round(2)
    (href,) = await calendar_server.texts("work")

    await calendar_server.delete("work", href=href)
    await desk.round()

    assert (await desk.appointment(booked.appointment.uid))["status"] == "cancelled"
    await desk.round(2)
    assert await calendar_server.texts("work") == {}


async def test_deleted_in_the_calendar_is_put_back_where_the_provider_wants_that(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password, on_delete="put_back")
    booked = await world.book(world.at(10))
    await desk.round(2)
    (href,) = await calendar_server.texts("work")

    await calendar_server.delete("work", href=href)
    await desk.round(2)

    assert (await desk.appointment(booked.appointment.uid))["status"] == "confirmed"
    (text,) = (await calendar_server.texts("work")).values()
    assert str(booked.appointment.uid) in text


async def test_marked_as_cancelled_in_the_calendar_is_cancelled_and_leaves_it(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password)
    booked = await world.book(world.at(10))
    await desk.round(2)
    ((href, text),) = (await calendar_server.texts("work")).items()

    await calendar_server.put("work", "", text.replace("STATUS:CONFIRMED", "STATUS:CANCELLED"), href=href)
    await desk.round(2)

    assert (await desk.appointment(booked.appointment.uid))["status"] == "cancelled"
    assert await calendar_server.texts("work") == {}


async def test_deleted_before_any_listing_named_it_is_noticed(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    """Xandikos compares two states: what came and went between two sync tokens is in neither."""
    await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password)
    booked = await world.book(world.at(10))
    await desk.round()
    (href,) = await calendar_server.texts("work")

    await calendar_server.delete("work", href=href)
    await desk.round(2)

    assert (await desk.appointment(booked.appointment.uid))["status"] == "cancelled"


async def test_made_recurring_it_is_put_back_and_happens_once(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password)
    booked = await world.book(world.at(10))
    await desk.round(2)
    ((href, text),) = (await calendar_server.texts("work")).items()
    days = [world.at(10, days=8).strftime("%Y%m%dT%H%M%SZ"), world.at(10, days=9).strftime("%Y%m%dT%H%M%SZ")]
    series = f"RRULE:FREQ=DAILY;COUNT=3\r\nEXDATE:{days[0]}\r\nEND:VEVENT"
    override = f"BEGIN:VEVENT\r\nUID:{booked.appointment.uid}\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Later"
    override += f"\r\nRECURRENCE-ID:{days[1]}\r\nDTSTART:{days[1]}\r\nDURATION:PT2H\r\nEND:VEVENT\r\n"
    master = text.replace("END:VEVENT", series, 1)

    recurring = master.replace("END:VCALENDAR", f"{override}END:VCALENDAR")
    await calendar_server.put("work", "", recurring, href=href)
    await desk.round(2)

    (text,) = (await calendar_server.texts("work")).values()
    assert f"DTSTART:{world.at(10).strftime('%Y%m%dT%H%M%SZ')}" in text
    assert text.count("BEGIN:VEVENT") == 1
    assert not any(name in text for name in ("RRULE", "EXDATE", "RECURRENCE-ID"))
    assert len(await desk.facts("calendar.put_back")) == 1


async def test_title_and_notes_are_theirs(world: World, desk: Desk, calendar_server: CalendarServer) -> None:
    await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password)
    booked = await world.book(world.at(10))
    await desk.round(2)
    ((href, text),) = (await calendar_server.texts("work")).items()
    renamed = "\r\n".join(
        "SUMMARY:Robin!" if line.startswith("SUMMARY") else line for line in text.replace("\r\n", "\n").split("\n")
    )
    await calendar_server.put("work", "", renamed, href=href)
    await desk.round()
    target = await target_of_staff(world.core, world.business_id, booked.appointment.uid)
    await reschedule(world.core, target, world.at(16), no_key(200))
    await desk.round()

    (text,) = (await calendar_server.texts("work")).values()
    assert "SUMMARY:Robin!" in text
    assert f"DTSTART:{world.at(16).strftime('%Y%m%dT%H%M%SZ')}" in text


async def test_an_event_over_an_appointment_is_a_conflict_and_cancels_nothing(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password)
    booked = await world.book(world.at(10))
    await desk.round()
    await calendar_server.put("work", "doctor", event("doctor", world.at(9, 45)))
    await desk.round(2)

    assert (await desk.appointment(booked.appointment.uid))["status"] == "confirmed"
    (conflict,) = await desk.facts("calendar.conflict")
    assert conflict["appointment"] == str(booked.appointment.uid)

    await calendar_server.put("work", "doctor", event("doctor", world.at(9, 45) + timedelta(days=1)))
    await desk.round()
    rows = await world.sql("SELECT resolution FROM calendar_conflicts WHERE business_id = $1", world.business_id)
    assert [row["resolution"] for row in rows] == ["gone"]


async def test_moved_to_another_calendar_it_is_followed_there(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    await calendar_server.make_calendar("home")
    await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password, calendar="work")
    booked = await world.book(world.at(10))
    await desk.round(2)
    ((href, text),) = (await calendar_server.texts("work")).items()

    name = href.rpartition("/")[2]
    await calendar_server.delete("work", href=href)
    await calendar_server.put("home", "", text, href=calendar_server.calendar_url("home") + name)
    await desk.round(3)

    assert (await desk.appointment(booked.appointment.uid))["status"] == "confirmed"
    assert await calendar_server.texts("work") == {}
    target = await target_of_staff(world.core, world.business_id, booked.appointment.uid)
    await reschedule(world.core, target, world.at(16), no_key(200))
    await desk.round(2)
    assert await calendar_server.texts("work") == {}
    (text,) = (await calendar_server.texts("home")).values()
    assert f"DTSTART:{world.at(16).strftime('%Y%m%dT%H%M%SZ')}" in text


async def test_moved_to_another_calendar_and_changed_on_the_way_it_is_followed_or_put_back(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    await calendar_server.make_calendar("home")
    uid = await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password, calendar="work")
    home = next(each for each in (await desk.shown(uid)).calendars if each.href.endswith("/home/"))
    await choose_calendar(world.core, desk.editor, uid, home.uid, blocks=True, receives=False)
    await desk.round()
    booked = await world.book(world.at(10))
    await desk.round(2)
    ((href, text),) = (await calendar_server.texts("work")).items()
    name = href.rpartition("/")[2]

    longer = text.replace(world.at(10, 30).strftime("%Y%m%dT%H%M%SZ"), world.at(11).strftime("%Y%m%dT%H%M%SZ"))
    await calendar_server.put("home", "", longer, href=calendar_server.calendar_url("home") + name)
    await calendar_server.delete("work", href=href)
    await desk.round(4)

    ((href, text),) = (await calendar_server.texts("home")).items()
    assert f"DTEND:{world.at(10, 30).strftime('%Y%m%dT%H%M%SZ')}" in text

    moved = text.replace(world.at(10).strftime("%Y%m%dT%H%M%SZ"), world.at(13).strftime("%Y%m%dT%H%M%SZ")).replace(
        world.at(10, 30).strftime("%Y%m%dT%H%M%SZ"), world.at(13, 30).strftime("%Y%m%dT%H%M%SZ")
    )
    await calendar_server.put("work", "", moved, href=calendar_server.calendar_url("work") + name)
    await calendar_server.delete("home", href=href)
    await desk.round(4)

    assert (await desk.appointment(booked.appointment.uid))["start"] == world.at(13)
    assert len(await calendar_server.texts("work")) == 1


async def test_moved_to_a_calendar_that_does_not_block_it_is_followed_though_others_are_there(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    await calendar_server.make_calendar("home")
    await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password, calendar="work")
    booked = [await world.book(world.at(hour)) for hour in (10, 12)]
    await desk.round(2)

    for href, text in (await calendar_server.texts("work")).items():
        there = calendar_server.calendar_url("home") + href.rpartition("/")[2]
        await calendar_server.put("home", "", text, href=there)
        await calendar_server.delete("work", href=href)
        await calendar_server.put("work", "lunch", event("lunch", world.at(15)))  # it is never quite empty
        await desk.round(3)

    for each in booked:
        assert (await desk.appointment(each.appointment.uid))["status"] == "confirmed"
        target = await target_of_staff(world.core, world.business_id, each.appointment.uid)
        await cancel(world.core, target, no_key(200))
    await desk.round(2)
    assert await calendar_server.texts("home") == {}


async def test_cancelled_here_while_it_is_moved_to_another_calendar_it_stays_in_neither(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    await calendar_server.make_calendar("home")
    await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password, calendar="work")
    booked = await world.book(world.at(10))
    await desk.round(2)
    ((href, text),) = (await calendar_server.texts("work")).items()

    there = calendar_server.calendar_url("home") + href.rpartition("/")[2]
    await calendar_server.put("home", "", text, href=there)
    await calendar_server.delete("work", href=href)
    await cancel(world.core, await target_of_token(world.core, booked.manage_token), no_key(200))
    await desk.round(3)

    assert await calendar_server.texts("work") == {}
    assert await calendar_server.texts("home") == {}


async def test_an_event_that_is_not_given_when_it_is_to_go_goes_the_next_time(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    async with dav_proxy(calendar_server.url) as proxy:
        await desk.connect(proxy.url, calendar_server.user, calendar_server.password)
        booked = await world.book(world.at(10))
        await desk.round(2)

        await cancel(world.core, await target_of_token(world.core, booked.manage_token), no_key(200))
        proxy.when(denies(".ics"), "REPORT", body=MULTIGET)
        await desk.round(3)

    assert await calendar_server.texts("work") == {}


async def test_written_without_an_answer_and_cancelled_meanwhile_it_does_not_stay(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    async with dav_proxy(calendar_server.url) as proxy:
        await desk.connect(proxy.url, calendar_server.user, calendar_server.password)
        booked = await world.book(world.at(10))
        proxy.when(cut_after(), "PUT", times=2)
        await desk.round()
        assert len(await calendar_server.texts("work")) == 1

        await cancel(world.core, await target_of_token(world.core, booked.manage_token), no_key(200))
        await desk.round(2)

    assert await calendar_server.texts("work") == {}


async def test_written_under_another_uid_and_restored_after_it_was_cancelled_it_blocks_nothing(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    """A server that does not take a UID a second time gets another one (`_create` of `usecases/sync/push`)."""
    async with dav_proxy(calendar_server.url) as proxy:
        await desk.connect(proxy.url, calendar_server.user, calendar_server.password)
        booked = await world.book(world.at(10))
        proxy.when(says(412), "PUT")
        await desk.round(2)
        ((href, text),) = (await calendar_server.texts("work")).items()
        assert f"UID:{booked.appointment.uid}-" in text
        await calendar_server.delete("work", href=href)
        await desk.round(2)

        await calendar_server.put("work", "", text, href=href)
        await desk.round()

        assert (await desk.appointment(booked.appointment.uid))["status"] == "cancelled"
        assert await desk.busy() == []


async def test_another_calendar_that_receives_takes_everything_over(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    await calendar_server.make_calendar("home")
    uid = await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password, calendar="work")
    await world.book(world.at(10))
    await desk.round()
    home = next(each for each in (await desk.shown(uid)).calendars if each.href.endswith("/home/"))

    await choose_calendar(world.core, desk.editor, uid, home.uid, blocks=None, receives=True)
    await desk.round(2)

    assert await calendar_server.texts("work") == {}
    assert len(await calendar_server.texts("home")) == 1
