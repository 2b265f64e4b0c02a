"""
Section M, row 124, of seats: a class has as many as its service says now, in both directions.

Leaves who is offered the seats that an edit opens to `tests/integration/test_waitlist`.
"""

from typing import Any

import pytest

from server.domain.appointment import Booked
from server.domain.errors import SlotTaken
from server.domain.lifecycle import Status
from server.usecases.cancel import cancel
from server.usecases.dispatch import dispatch
from server.usecases.find_slots import Availability, SlotQuery, find_slots
from server.usecases.places import target_of_staff, target_of_token, view
from server.usecases.reschedule import reschedule
from tests.world import World, no_key


async def set_capacity(world: World, seats: int) -> None:
    await world.sql("UPDATE services SET capacity = $2 WHERE business_id = $1", world.business_id, seats)


async def fill(world: World, seats: int) -> list[Booked]:
    return [await world.book(world.at(10), service="yoga") for _ in range(seats)]


async def free(world: World) -> Availability:
    day = world.at(10).astimezone(world.zone).date()
    return await find_slots(world.core, SlotQuery(business=world.slug, service="yoga", first=day, last=day))


async def places(world: World) -> int:
    """Places left at ten, as availability says it."""
    found = await free(world)
    start = int(world.at(10).timestamp())
    return found.places.get(start, found.capacity) if start in [slot[0] for slot in found.slots] else 0


@pytest.fixture
async def studio(own_world: World) -> World:
    """A class of two."""
    await own_world.service("yoga", capacity=2)
    return own_world


async def test_M124_more_seats_are_free_in_classes_that_have_begun_to_fill(studio: World) -> None:
    await fill(studio, 2)
    assert await places(studio) == 0

    await set_capacity(studio, 5)

    assert await places(studio) == 3
    await studio.hold(studio.at(10), service="yoga")
    assert await places(studio) == 2
    await fill(studio, 2)
    with pytest.raises(SlotTaken):
        await fill(studio, 1)


async def test_M124_fewer_seats_keep_who_is_in_and_sell_no_more(studio: World) -> None:
    await set_capacity(studio, 6)
    booked = await fill(studio, 4)

    await set_capacity(studio, 2)

    assert await places(studio) == 0
    with pytest.raises(SlotTaken):
        await fill(studio, 1)
    with pytest.raises(SlotTaken):
        await studio.hold(studio.at(10), service="yoga")
    for one in booked:
        assert (await view(studio.core, one.manage_token)).place.appointment.status is Status.CONFIRMED
    for one in booked[:3]:
        await cancel(studio.core, await target_of_token(studio.core, one.manage_token), no_key())
    assert await places(studio) == 1
    await fill(studio, 1)


async def test_M124_a_place_that_is_held_is_had_though_the_class_has_fewer_now(studio: World) -> None:
    await set_capacity(studio, 3)
    await fill(studio, 2)
    held = await studio.hold(studio.at(10), service="yoga")

    await set_capacity(studio, 2)

    booked = await studio.book(studio.at(10), service="yoga", held=held)
    assert booked.appointment.status is Status.CONFIRMED
    assert await places(studio) == 0


@pytest.mark.parametrize("seats", [1, 3])
async def test_M124_a_class_that_has_fewer_seats_than_people_is_moved_and_ended_as_one(
    studio: World, seats: int
) -> None:
    await set_capacity(studio, 6)
    booked = await fill(studio, 4)
    await set_capacity(studio, seats)
    staff = await target_of_staff(studio.core, studio.business_id, booked[0].appointment.uid)

    await reschedule(studio.core, staff, studio.at(14), no_key())
    left = await cancel(studio.core, await target_of_token(studio.core, booked[0].manage_token), no_key())
    mover = await target_of_token(studio.core, booked[1].manage_token)
    moved = await reschedule(studio.core, mover, studio.at(16), no_key())

    there = (await view(studio.core, booked[2].manage_token)).place.appointment
    assert (there.start, there.seats_taken) == (studio.at(14), 2)
    assert left.appointment.status is Status.CONFIRMED  # type: ignore[union-attr]  # nothing is replayed
    assert moved.start == studio.at(16)  # type: ignore[union-attr]
    await cancel(studio.core, await target_of_staff(studio.core, studio.business_id, there.uid), no_key())
    assert (await view(studio.core, booked[3].manage_token)).place.appointment.status is Status.CANCELLED


async def test_M124_whoever_booked_it_alone_has_it_alone(studio: World) -> None:
    await set_capacity(studio, 1)
    alone = await studio.book(studio.at(10), service="yoga")

    await set_capacity(studio, 5)

    assert await places(studio) == 0
    with pytest.raises(SlotTaken):
        await fill(studio, 1)
    moved = await reschedule(
        studio.core, await target_of_token(studio.core, alone.manage_token), studio.at(14), no_key()
    )
    assert moved.uid == alone.appointment.uid  # type: ignore[union-attr]  # nothing is replayed


async def test_M124_calendars_say_how_many_seats_there_are_now(studio: World) -> None:
    await fill(studio, 2)
    await _told(studio)
    await set_capacity(studio, 5)
    await _told(studio)

    text = (await studio.sql("SELECT full_text FROM appointment_texts"))[0][0]

    assert "(2/5)" in text


async def _told(world: World) -> Any:
    while await dispatch(world.core):
        pass
