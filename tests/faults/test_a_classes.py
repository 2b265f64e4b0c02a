"""
Section A of the matrix, where a class is joined while it ends: each race with one order, held at one point.

Leaves all races at once to `test_a_storm`.
"""

import asyncio

import pytest

from server.domain.appointment import Booked, Held
from server.domain.errors import SlotTaken
from server.usecases.cancel import cancel
from server.usecases.hold import release
from server.usecases.places import target_of_token
from server.usecases.reschedule import reschedule
from server.usecases.sweep import sweep
from tests.faults.gates import held_before_commit, until_waiting
from tests.world import World, no_key


@pytest.fixture
async def studio(own_world: World) -> World:
    """One class of three places at a time."""
    await own_world.service("class", duration_min=60, capacity=3)
    return own_world


async def leave(world: World, booked: Booked) -> None:
    await cancel(world.core, await target_of_token(world.core, booked.manage_token), no_key())


async def nobody_is_in_two_places(world: World) -> None:
    assert await world.doubles() == 0
    assert await world.misclaimed() == []


async def test_A8_who_joins_while_the_last_one_leaves_does_not_revive_the_class(studio: World) -> None:
    last = await studio.book(studio.at(10), service="class")
    async with held_before_commit(studio, "outbox", when="NEW.kind = 'appointment.cancelled'"):
        leaving = asyncio.create_task(
            cancel(studio.core, await target_of_token(studio.core, last.manage_token), no_key())
        )
        await until_waiting(studio, 1)
        joining = asyncio.create_task(studio.book(studio.at(10), service="class"))
        await until_waiting(studio, 2)
    await leaving
    with pytest.raises(SlotTaken):
        await joining
    await nobody_is_in_two_places(studio)
    fresh = await studio.book(studio.at(10), service="class")
    assert fresh.appointment.uid != last.appointment.uid
    await nobody_is_in_two_places(studio)


@pytest.mark.parametrize("swept", [False, True])
async def test_A8_A15_who_joins_while_a_held_class_is_let_go_gets_a_time_or_nothing(studio: World, swept: bool) -> None:
    held = await studio.hold(studio.at(10), service="class")
    if swept:
        await studio.sql("UPDATE holds SET expires_at = clock_timestamp() WHERE business_id = $1", studio.business_id)
    async with held_before_commit(studio, "transitions", when="NEW.to_status = 'cancelled'"):
        letting_go = asyncio.create_task(sweep(studio.core) if swept else release(studio.core, held.token))
        await until_waiting(studio, 1)
        joining = asyncio.create_task(studio.book(studio.at(10), service="class"))
        await until_waiting(studio, 2)
    await letting_go
    with pytest.raises(SlotTaken):
        await joining
    await nobody_is_in_two_places(studio)


@pytest.mark.parametrize("swept", [False, True])
@pytest.mark.parametrize("books", [False, True])
async def test_A8_A15_a_held_class_is_not_let_go_while_somebody_joins(studio: World, swept: bool, books: bool) -> None:
    held = await studio.hold(studio.at(10), service="class")
    gate = ("outbox", "NEW.kind = 'appointment.booked'") if books else ("holds", "true")
    async with held_before_commit(studio, gate[0], when=gate[1]):
        join = studio.book if books else studio.hold
        joining = asyncio.create_task(join(studio.at(10), service="class"))
        await until_waiting(studio, 1)
        if swept:
            await studio.sql(
                "UPDATE holds SET expires_at = clock_timestamp() WHERE business_id = $1", studio.business_id
            )
        letting_go = asyncio.create_task(sweep(studio.core) if swept else release(studio.core, held.token))
        await until_waiting(studio, 2)
    await letting_go
    joined = await joining
    rows = await studio.sql("SELECT status FROM appointments WHERE business_id = $1", studio.business_id)
    assert [row["status"] for row in rows] == ["confirmed" if books else "held"]
    assert await studio.sql("SELECT 1 FROM claims WHERE business_id = $1", studio.business_id)
    if isinstance(joined, Held):
        await studio.book(studio.at(10), service="class", held=joined)
    await nobody_is_in_two_places(studio)


async def test_A4_who_moves_into_a_class_that_ends_stays_where_they_were(studio: World) -> None:
    last = await studio.book(studio.at(10), service="class")
    mover = await studio.book(studio.at(14), service="class")
    async with held_before_commit(studio, "outbox", when="NEW.kind = 'appointment.cancelled'"):
        leaving = asyncio.create_task(
            cancel(studio.core, await target_of_token(studio.core, last.manage_token), no_key())
        )
        await until_waiting(studio, 1)
        target = await target_of_token(studio.core, mover.manage_token)
        moving = asyncio.create_task(reschedule(studio.core, target, studio.at(10), no_key()))
        await until_waiting(studio, 2)
    await leaving
    with pytest.raises(SlotTaken):
        await moving
    await nobody_is_in_two_places(studio)
    assert (await target_of_token(studio.core, mover.manage_token)).appointment.start == studio.at(14)


async def test_A15_a_class_whose_hold_runs_out_between_two_looks_is_not_booked_without_its_time(studio: World) -> None:
    """The rules saw the class, `find_class` does not: its hold expired in between, by a clock of milliseconds."""
    for _ in range(30):
        await studio.hold(studio.at(10), service="class")
        await studio.sql(
            "WITH hold AS (UPDATE holds SET expires_at = clock_timestamp() + interval '6 ms' WHERE business_id = $1)"
            " UPDATE claims SET expires_at = clock_timestamp() + interval '6 ms' WHERE business_id = $1",
            studio.business_id,
        )
        results = await asyncio.gather(
            *(studio.book(studio.at(10), service="class") for _ in range(3)), return_exceptions=True
        )
        assert all(isinstance(result, (Booked, SlotTaken)) for result in results)
        await nobody_is_in_two_places(studio)
        for result in results:
            if isinstance(result, Booked):
                await leave(studio, result)
        await sweep(studio.core)
