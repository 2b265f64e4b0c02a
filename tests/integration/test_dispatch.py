"""Facts become deliveries: who is told, once, in order, and in one transaction with the calendar texts."""

import asyncio

from server.store.outbox import MOST_ATTEMPTS, add_fact
from server.usecases.cancel import cancel
from server.usecases.dispatch import dispatch
from server.usecases.places import target_of_staff, target_of_token
from server.usecases.reschedule import reschedule
from tests.faults.gates import held_before_commit, until_waiting
from tests.post_office import PostOffice, pump_for
from tests.world import World, no_key


async def deliveries(world: World) -> list[tuple[str, str, str]]:
    rows = await world.sql(
        "SELECT message, recipient, target FROM deliveries WHERE business_id = $1 ORDER BY id", world.business_id
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def open_facts(world: World) -> int:
    rows = await world.sql("SELECT count(*) FROM outbox WHERE business_id = $1 AND done_at IS NULL", world.business_id)
    return int(rows[0][0])


async def test_a_booking_is_told_to_customer_and_provider_once(own_world: World) -> None:
    world = own_world
    await world.service()
    await world.sql("UPDATE providers SET email = 'anna@example.org'")
    await world.book(world.at(10), email="robin@example.org")
    assert await dispatch(world.core) == 1
    assert await dispatch(world.core) == 0
    told = [("confirmed", "customer", "robin@example.org"), ("confirmed", "provider", "anna@example.org")]
    assert await deliveries(world) == told


async def test_a_provider_without_an_address_is_reached_through_the_business(own_world: World) -> None:
    world = own_world
    await world.service()
    await world.sql("UPDATE businesses SET email = 'desk@example.org' WHERE id = $1", world.business_id)
    await world.book(world.at(10), email="robin@example.org")
    await dispatch(world.core)
    assert ("confirmed", "provider", "desk@example.org") in await deliveries(world)


async def test_the_facts_of_one_appointment_go_out_in_their_order(own_world: World) -> None:
    world = own_world
    await world.service()
    booked = await world.book(world.at(10), email="robin@example.org")
    await reschedule(world.core, await target_of_token(world.core, booked.manage_token), world.at(11), no_key())
    rounds = [await dispatch(world.core) for _ in range(3)]
    assert rounds == [1, 1, 0]
    assert [message for message, _, _ in await deliveries(world)] == ["confirmed", "rescheduled"]


async def test_D40_two_dispatchers_at_once_tell_nobody_twice(own_world: World) -> None:
    world = own_world
    await world.service()
    for hour in range(9, 16):
        await world.book(world.at(hour))
    await asyncio.gather(*(dispatch(world.core) for _ in range(6)))
    assert await open_facts(world) == 0
    assert len(await deliveries(world)) == 7


async def test_D36_a_dispatcher_that_dies_before_its_commit_has_told_nobody(own_world: World) -> None:
    world = own_world
    await world.service()
    await world.book(world.at(10))
    async with held_before_commit(world, "deliveries"):
        dying = asyncio.create_task(dispatch(world.core))
        await until_waiting(world, 1)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        assert await deliveries(world) == []
        assert await open_facts(world) == 1
    assert await dispatch(world.core) == 1
    assert len(await deliveries(world)) == 1


async def test_D39_a_fact_that_cannot_be_told_is_parked_and_holds_up_nobody(own_world: World) -> None:
    world = own_world
    await world.service()
    async with world.core.database.reading() as session:
        await add_fact(session, world.business_id, "catalogue.renamed", {"v": 1, "table": "no such table"})
    await world.book(world.at(10))
    for _ in range(MOST_ATTEMPTS + 1):
        await dispatch(world.core)
        await world.sql("UPDATE outbox SET retry_at = clock_timestamp() WHERE done_at IS NULL")
    rows = await world.sql("SELECT attempt, detail FROM outbox WHERE parked_at IS NOT NULL")
    assert [row["attempt"] for row in rows] == [MOST_ATTEMPTS]
    assert "KeyError" in rows[0]["detail"]
    assert len(await deliveries(world)) == 1


async def test_who_joins_a_class_is_told_and_nobody_else_hears_of_it(own_world: World) -> None:
    world = own_world
    await world.service("class", capacity=3)
    first = await world.book(world.at(10), service="class", email="first@example.org")
    await world.book(world.at(10), service="class", email="second@example.org")
    for _ in range(3):
        await dispatch(world.core)
    assert [target for _, _, target in await deliveries(world)] == ["first@example.org", "second@example.org"]

    await cancel(world.core, await target_of_token(world.core, first.manage_token), no_key())
    await dispatch(world.core)
    assert (await deliveries(world))[2:] == [("cancelled", "customer", "first@example.org")]

    staff = await target_of_staff(world.core, world.business_id, first.appointment.uid)
    await cancel(world.core, staff, no_key())
    await dispatch(world.core)
    assert (await deliveries(world))[3:] == [("cancelled", "customer", "second@example.org")]


async def test_a_message_that_a_later_change_overtook_is_not_sent(own_world: World) -> None:
    world = own_world
    await world.service()
    booked = await world.book(world.at(10), email="robin@example.org")
    await dispatch(world.core)
    await reschedule(world.core, await target_of_token(world.core, booked.manage_token), world.at(11), no_key())
    office = PostOffice()
    await pump_for(world.core, office).drain()
    # The office sends whatever it is given: which message still holds is for `worker/mails` to say.
    assert [message for message, _, _ in office.messages] == ["confirmed", "rescheduled"]
