"""
Section D of the matrix, in one process: leases, fences, retries, what is too late.

Leaves workers that are killed to `test_d_processes` and to `make chaos`.
"""

import asyncio
from datetime import timedelta

import pytest

from server.channels.outcome import Outcome, Verdict
from server.store.deliveries import MOST_LOST, reclaim_lost
from server.usecases.cancel import cancel
from server.usecases.dispatch import dispatch
from server.usecases.places import target_of_token
from tests.post_office import SENT, PostOffice, pump_for, running
from tests.world import World, no_key


@pytest.fixture
async def shop(own_world: World) -> World:
    """A business in a database of its own."""
    await own_world.service()
    return own_world


async def states(world: World) -> list[str]:
    rows = await world.sql("SELECT state FROM deliveries WHERE business_id = $1 ORDER BY id", world.business_id)
    return [row["state"] for row in rows]


async def until(world: World, wanted: list[str]) -> None:
    for _ in range(400):
        if await states(world) == wanted:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{await states(world)} instead of {wanted}")


async def remind_now(world: World) -> None:
    """Every reminder is due."""
    await world.sql("UPDATE reminders SET due_at = clock_timestamp() WHERE business_id = $1", world.business_id)


async def test_D40_two_workers_send_each_message_once(shop: World) -> None:
    for hour in range(9, 16):
        await shop.book(shop.at(hour))
    one, other = PostOffice(), PostOffice()
    async with running(pump_for(shop.core, one)), running(pump_for(shop.core, other)):
        await until(shop, ["sent"] * 7)
    assert len(one.sent) + len(other.sent) == 7


async def test_D41_a_worker_that_was_stopped_beyond_its_lease_does_not_send_and_cannot_write(shop: World) -> None:
    await shop.book(shop.at(10))
    slow, quick = PostOffice(hold=asyncio.Event()), PostOffice()
    stopped = pump_for(shop.core, slow, lease_s=1)
    while not slow.begun.is_set():  # what is dispatched waits for older transactions, of whatever database
        await stopped.turn()
        await asyncio.sleep(0.01)
    # And now nobody renews its lease: its process stands still
    await asyncio.sleep(1.1)
    async with running(pump_for(shop.core, quick)):
        await until(shop, ["sent"])
    assert slow.hold is not None
    slow.hold.set()
    await stopped.drain()
    assert (len(slow.sent), len(quick.sent)) == (0, 1)
    assert await states(shop) == ["sent"]
    rows = await shop.sql("SELECT attempt, lost FROM deliveries")
    assert [(row["attempt"], row["lost"]) for row in rows] == [(2, 0)]


async def test_D41_a_worker_that_is_merely_slow_keeps_its_lease(shop: World) -> None:
    await shop.book(shop.at(10))
    slow, other = PostOffice(hold=asyncio.Event()), PostOffice()
    async with running(pump_for(shop.core, slow, lease_s=1)), running(pump_for(shop.core, other, lease_s=1)):
        await asyncio.wait(
            [asyncio.create_task(slow.begun.wait()), asyncio.create_task(other.begun.wait())],
            return_when=asyncio.FIRST_COMPLETED,
        )
        await asyncio.sleep(2.5)
        assert slow.hold is not None
        slow.hold.set()
        await until(shop, ["sent"])
    assert len(slow.sent) + len(other.sent) == 1


async def test_D39_a_delivery_that_takes_its_worker_along_is_set_aside_and_others_are_sent(shop: World) -> None:
    await shop.book(shop.at(10))
    await dispatch(shop.core)
    for _ in range(MOST_LOST):  # as it is left behind by a worker that died over it
        await shop.sql("UPDATE deliveries SET state = 'sending', lease_until = clock_timestamp() - interval '1 s'")
        assert await shop.core.database.transact(reclaim_lost) == 1
    await shop.book(shop.at(11))
    office = PostOffice()
    await pump_for(shop.core, office).drain()
    assert await states(shop) == ["dead", "sent"]


async def test_a_failure_is_tried_again_and_again_with_longer_waits_and_then_dead(shop: World) -> None:
    await shop.book(shop.at(10))
    office = PostOffice(answers=[Outcome(verdict=Verdict.RETRY, detail="451 later")])
    pump = pump_for(shop.core, office)
    await pump.drain()
    waits = []
    for _ in range(40):
        if await states(shop) == ["dead"]:
            break
        rows = await shop.sql("SELECT due_at - clock_timestamp() AS wait FROM deliveries")
        waits.append(rows[0]["wait"])
        await shop.sql("UPDATE deliveries SET due_at = clock_timestamp()")
        await pump.drain()
    assert await states(shop) == ["dead"]
    assert [round(wait.total_seconds()) for wait in waits[:5]] == [1, 5, 10, 30, 60]
    assert max(waits) <= timedelta(hours=24)
    attempts = await shop.sql("SELECT count(*) FROM delivery_attempts")
    assert attempts[0][0] == len(office.sent) == len(waits) + 1


async def test_what_is_refused_for_good_is_dead_at_once(shop: World) -> None:
    await shop.book(shop.at(10))
    await pump_for(shop.core, PostOffice(answers=[Outcome(verdict=Verdict.REFUSED, detail="550 no such user")])).drain()
    assert await states(shop) == ["dead"]


async def test_D42_reminders_of_an_hour_without_workers_are_skipped_where_they_are_too_late(shop: World) -> None:
    await shop.book(shop.at(10))
    await shop.sql(
        "UPDATE reminders SET due_at = clock_timestamp() - CASE offset_min WHEN 60 THEN interval '40 min'"
        " ELSE interval '50 min' END"
    )
    office = PostOffice()
    pump = pump_for(shop.core, office)
    await pump.drain()
    reminders = await shop.sql("SELECT offset_min, status FROM reminders WHERE recipient = 'customer' ORDER BY 1")
    # Forty minutes are more than half of one hour; fifty are nothing beside a day.
    assert [tuple(row) for row in reminders] == [(60, "skipped"), (1440, "queued")]
    assert [message for message, _, _ in office.messages].count("reminder") == 1


async def test_G74_a_reminder_of_a_cancelled_appointment_is_dropped(shop: World) -> None:
    booked = await shop.book(shop.at(10))
    await cancel(shop.core, await target_of_token(shop.core, booked.manage_token), no_key())
    await remind_now(shop)
    office = PostOffice()
    await pump_for(shop.core, office).drain()
    assert "reminder" not in [message for message, _, _ in office.messages]


async def test_one_send_per_attendee_offset_and_channel_however_many_workers_look(shop: World) -> None:
    await shop.book(shop.at(10))
    await remind_now(shop)
    office = PostOffice()
    pumps = [pump_for(shop.core, office) for _ in range(4)]
    await asyncio.gather(*(pump.remind() for pump in pumps))
    await asyncio.gather(*(pump.drain() for pump in pumps))
    assert [message for message, _, _ in office.messages].count("reminder") == 2  # a day and an hour before


async def test_H81_messages_of_one_lane_keep_their_order(shop: World) -> None:
    booked = await shop.book(shop.at(10), email="robin@example.org")
    office = PostOffice(hold=asyncio.Event())
    async with running(pump_for(shop.core, office)):
        await office.begun.wait()
        await cancel(shop.core, await target_of_token(shop.core, booked.manage_token), no_key())
        await asyncio.sleep(0.3)
        assert await states(shop) == ["sending", "queued"]
        assert office.hold is not None
        office.hold.set()
        await until(shop, ["sent", "sent"])
    assert [message for message, _, _ in office.messages] == ["confirmed", "cancelled"]


async def test_a_peer_in_trouble_is_left_alone_and_costs_its_messages_no_tries(shop: World) -> None:
    for hour in range(9, 16):
        await shop.book(shop.at(hour))
    trouble = Outcome(verdict=Verdict.RETRY, detail="no route", peer_trouble=True)
    office = PostOffice(answers=[trouble])
    pump = pump_for(shop.core, office, places=1)
    for _ in range(30):
        await shop.sql("UPDATE deliveries SET due_at = clock_timestamp()")
        await pump.drain()
    rows = await shop.sql("SELECT sum(tries) FROM deliveries")
    assert rows[0][0] == len(office.sent) == 5
    office.answers = [SENT]
    await shop.sql("UPDATE deliveries SET due_at = clock_timestamp()")
    fresh = pump_for(shop.core, office)
    await fresh.drain()
    assert await states(shop) == ["sent"] * 7
