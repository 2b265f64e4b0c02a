"""
Owns promises of the guides that mutations of the code showed to be held by no test.

Leaves the neighbours of each to the tests of its room.
"""

from datetime import timedelta
from email.message import EmailMessage

from server.settings import Settings
from server.usecases.cancel import cancel
from server.usecases.dispatch import dispatch
from server.usecases.places import target_of_token
from server.usecases.reschedule import reschedule
from server.worker.mails import MailSender
from tests.calendar_desk import open_desk
from tests.peers.calendar_servers import CalendarServer
from tests.post_office import PostOffice, pump_for
from tests.world import World, no_key, settings_for

pytest_plugins = ("tests.peers.calendar_fixtures",)

WRITTEN = "%Y%m%dT%H%M%SZ"


async def test_among_equals_the_turn_passes_on_from_day_to_day(own_world: World) -> None:
    """docs/booking.md: otherwise the first of a team would have all first bookings."""
    await own_world.service(providers=("anna", "ben", "cleo"))

    chosen = [
        (await own_world.book(own_world.at(10, days=day), provider=None)).appointment.provider for day in range(2, 8)
    ]

    assert sorted(chosen[:3]) == ["anna", "ben", "cleo"]
    assert chosen[3:] == chosen[:3]


async def test_mails_about_one_place_hang_together_and_those_about_another_do_not(
    own_world: World, own_database_url: str
) -> None:
    await own_world.service()
    booked = await own_world.book(own_world.at(10), email="robin@example.org")
    await own_world.book(own_world.at(11), email="ada@example.org")
    office = PostOffice()
    pump = pump_for(own_world.core, office)
    await pump.drain()
    await reschedule(
        own_world.core, await target_of_token(own_world.core, booked.manage_token), own_world.at(12), no_key()
    )
    await pump.drain()
    await cancel(own_world.core, await target_of_token(own_world.core, booked.manage_token), no_key())
    await pump.drain()

    threads: dict[str, set[str]] = {}
    for mail in composed(office, settings_for(own_database_url), own_world):
        threads.setdefault(mail["To"], set()).add(mail["References"])

    assert [len(threads) for threads in threads.values()] == [1, 1]
    assert len(set.union(*threads.values())) == 2
    assert len(office.sent) == 4


def composed(office: PostOffice, settings: Settings, world: World) -> list[EmailMessage]:
    sender = MailSender(None, world.core.vault, settings)  # type: ignore[arg-type]  # nothing is sent
    return [sender.compose(delivery, letter) for delivery, letter in office.sent]


async def test_whoever_leaves_hears_so_once_however_often_it_is_said(own_world: World) -> None:
    """A calendar and a person may end the same appointment at once: two facts, one farewell."""
    await own_world.service()
    booked = await own_world.book(own_world.at(10), email="robin@example.org")
    await cancel(own_world.core, await target_of_token(own_world.core, booked.manage_token), no_key())
    await own_world.sql(
        "INSERT INTO outbox (business_id, kind, appointment_id, payload)"
        " SELECT business_id, kind, appointment_id, payload FROM outbox WHERE kind = 'appointment.cancelled'"
    )
    while await dispatch(own_world.core):
        pass

    farewells = await own_world.sql("SELECT FROM deliveries WHERE message = 'cancelled' AND recipient = 'customer'")
    told = await own_world.sql("SELECT FROM outbox WHERE kind = 'appointment.cancelled' AND done_at IS NOT NULL")
    assert (len(farewells), len(told)) == (1, 2)


async def test_an_event_that_shows_its_buffers_is_moved_by_what_was_moved(
    world: World, settings: Settings, radicale: CalendarServer
) -> None:
    """The event begins a quarter of an hour before the appointment does, also after the drag."""
    await world.service("buffered", buffer_before_min=15, buffer_after_min=10)
    async with open_desk(world, settings) as desk:
        await desk.connect(radicale.url, radicale.user, radicale.password, shows_buffers=True)
        booked = await world.book(world.at(10), service="buffered")
        await desk.round(2)
        ((href, text),) = (await radicale.texts("work")).items()
        begins, ends = world.at(9, 45), world.at(10, 40)
        assert f"DTSTART:{begins.strftime(WRITTEN)}" in text

        later = timedelta(hours=3)
        moved = text.replace(begins.strftime(WRITTEN), (begins + later).strftime(WRITTEN))
        moved = moved.replace(ends.strftime(WRITTEN), (ends + later).strftime(WRITTEN))
        await radicale.put("work", "", moved, href=href)
        await desk.round(2)

        assert (await desk.appointment(booked.appointment.uid))["start"] == world.at(13)
        (text,) = (await radicale.texts("work")).values()
        assert f"DTSTART:{world.at(12, 45).strftime(WRITTEN)}" in text


async def test_a_deleted_event_is_waited_for_before_its_booking_is_cancelled(
    world: World, settings: Settings, radicale: CalendarServer
) -> None:
    """docs/calendars.md: programs delete and write anew when they move; `BOOKABLE_CALENDAR_DELETION_HOLD_S`."""
    async with open_desk(world, settings, deletion_hold_s=600) as desk:
        await desk.connect(radicale.url, radicale.user, radicale.password)
        booked = await world.book(world.at(10))
        await desk.round(2)
        (href,) = await radicale.texts("work")
        await radicale.delete("work", href=href)

        await desk.round(2)
        waiting = (await desk.appointment(booked.appointment.uid))["status"]
        await world.sql(
            "UPDATE pushed_events SET edit_at = edit_at - interval '601 s' WHERE business_id = $1", world.business_id
        )
        await desk.round()
        after = (await desk.appointment(booked.appointment.uid))["status"]

    assert (waiting, after) == ("confirmed", "cancelled")
