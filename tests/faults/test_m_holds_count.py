"""
Section M, row 124, of holds: what is held counts wherever bookings do, and not against whoever holds it.

Leaves what is kept of the terms to `test_m_terms`, seats to `test_m_capacity`.
"""

import asyncio
from collections.abc import Sequence

import pytest

from server.domain.appointment import Booked, Held
from server.domain.errors import BookingError, SlotTaken
from server.usecases.find_slots import SlotQuery, find_slots
from tests.world import World


async def cap(world: World, most: int) -> None:
    await world.sql("UPDATE providers SET daily_cap = $2 WHERE business_id = $1", world.business_id, most)


async def free(world: World) -> Sequence[object]:
    day = world.at(10).astimezone(world.zone).date()
    return (await find_slots(world.core, SlotQuery(business=world.slug, service="cut", first=day, last=day))).slots


async def test_M124_a_held_time_counts_for_the_daily_cap(world: World) -> None:
    await cap(world, 2)
    await world.book(world.at(9))
    held = await world.hold(world.at(10))

    assert not await free(world)
    with pytest.raises(SlotTaken):
        await world.book(world.at(14))
    with pytest.raises(SlotTaken):
        await world.hold(world.at(14))
    assert (await world.book(world.at(10), held=held)).appointment.start == world.at(10)


async def test_M124_a_hold_that_is_over_counts_no_more(world: World) -> None:
    await cap(world, 1)
    await world.hold(world.at(10))
    await world.sql("UPDATE holds SET expires_at = clock_timestamp() WHERE business_id = $1", world.business_id)

    assert await free(world)
    await world.book(world.at(14))


async def test_M124_a_class_that_is_only_held_counts_once(world: World) -> None:
    await world.service("yoga", providers=["anna"], capacity=3)
    await cap(world, 2)
    for _ in range(2):
        await world.hold(world.at(10), service="yoga")

    await world.book(world.at(14))

    assert not await free(world)
    with pytest.raises(SlotTaken):
        await world.book(world.at(16))


async def test_M124_a_day_is_the_location_s(own_world: World) -> None:
    """A hold at 23:30 in Berlin is of that day, though its UTC day may be another."""
    await own_world.provider("anna", windows=[(0, 1440)])
    await own_world.service("cut", providers=["anna"])
    await cap(own_world, 1)
    await own_world.hold(own_world.at(0, 30))

    with pytest.raises(SlotTaken):
        await own_world.hold(own_world.at(23))
    await own_world.hold(own_world.at(23, days=6))


async def test_M124_of_holds_and_bookings_at_once_the_cap_lets_in_as_many_as_it_says(own_world: World) -> None:
    await own_world.service("cut")
    await cap(own_world, 3)

    tries = [own_world.hold if hour % 2 else own_world.book for hour in range(9, 17)]
    results = await asyncio.gather(
        *(step(own_world.at(hour)) for hour, step in enumerate(tries, 9)), return_exceptions=True
    )

    assert sum(isinstance(one, Booked | Held) for one in results) == 3
    assert all(isinstance(one, Booked | Held | BookingError) for one in results)
