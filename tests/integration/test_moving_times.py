"""The times that somebody could move to: their own appointment does not stand in their way, and others' do."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from tests.world import World

Client = TestClient[Any, Any]


@pytest.fixture
async def morning(world: World) -> World:
    """An hour, every quarter of an hour, from ten to two."""
    await world.provider("clara", windows=[(600, 840)])
    await world.service("colour", providers=["clara"], duration_min=60, slot_step_min=15)
    return world


async def starts(client: Client, world: World, token: str, **asked: str) -> list[str]:
    day = world.at(12).astimezone(world.zone).date().isoformat()
    answer = await client.get(f"/v1/appointments/{token}/availability", params={"from": day, "to": day, **asked})
    assert answer.status == 200, await answer.text()
    assert answer.headers["Cache-Control"] == "no-store"
    found = await answer.json()
    return [slot["start"][11:16] for slot in found["days"][0]["slots"]]


async def public_starts(client: Client, world: World, service: str) -> list[str]:
    day = world.at(12).astimezone(world.zone).date().isoformat()
    answer = await client.get(
        f"/v1/businesses/{world.slug}/availability", params={"service": service, "from": day, "to": day}
    )
    return [slot["start"][11:16] for slot in (await answer.json())["days"][0]["slots"]]


async def move(client: Client, token: str, start: datetime) -> int:
    answer = await client.post(f"/v1/appointments/{token}/reschedule", json={"start": start.isoformat()})
    return answer.status


async def test_whoever_moves_may_move_by_a_quarter_of_an_hour(client: Client, morning: World) -> None:
    booked = await morning.book(morning.at(11), service="colour", provider="clara")
    before = await public_starts(client, morning, "colour")

    offered = await starts(client, morning, booked.manage_token)

    quarters = [f"{hour}:{minute:02d}" for hour in range(10, 13) for minute in (0, 15, 30, 45)] + ["13:00"]
    assert offered == [each for each in quarters if each != "11:00"]
    assert before == ["10:00", *(each for each in quarters if each >= "12:00")]
    assert await public_starts(client, morning, "colour") == before
    assert await move(client, booked.manage_token, morning.at(11, 15)) == 200


async def test_the_appointments_of_others_stand_in_the_way(client: Client, morning: World) -> None:
    booked = await morning.book(morning.at(10), service="colour", provider="clara")
    await morning.book(morning.at(12), service="colour", provider="clara")

    offered = await starts(client, morning, booked.manage_token)

    assert offered == ["10:15", "10:30", "10:45", "11:00", "13:00"]


async def test_a_day_that_is_full_for_others_is_not_full_for_who_is_in_it(client: Client, morning: World) -> None:
    await morning.sql(
        "UPDATE providers SET daily_cap = 1 WHERE business_id = $1 AND slug = 'clara'", morning.business_id
    )
    booked = await morning.book(morning.at(11), service="colour", provider="clara")

    assert await public_starts(client, morning, "colour") == []
    assert "11:15" in await starts(client, morning, booked.manage_token)
    assert await move(client, booked.manage_token, morning.at(11, 15)) == 200


async def test_a_class_that_ends_with_who_leaves_it_gives_up_its_time(client: Client, morning: World) -> None:
    await morning.service("yoga", providers=["clara"], duration_min=60, slot_step_min=15, capacity=3)
    booked = await morning.book(morning.at(11), service="yoga", provider="clara")

    offered = await starts(client, morning, booked.manage_token)

    assert "11:15" in offered
    assert "11:00" not in offered
    assert await move(client, booked.manage_token, morning.at(11, 15)) == 200
    assert await morning.doubles() == 0
    assert await morning.misclaimed() == []


async def test_a_class_that_goes_on_keeps_its_time(client: Client, morning: World) -> None:
    await morning.service("yoga", providers=["clara"], duration_min=60, slot_step_min=15, capacity=3)
    booked = await morning.book(morning.at(11), service="yoga", provider="clara")
    await morning.book(morning.at(11), service="yoga", provider="clara")

    offered = await starts(client, morning, booked.manage_token)

    assert offered == ["10:00", "12:00", "12:15", "12:30", "12:45", "13:00"]
    assert await move(client, booked.manage_token, morning.at(11, 15)) == 409


async def test_the_next_free_time_is_the_first_beyond_the_days_that_were_asked_for(
    client: Client, morning: World
) -> None:
    booked = await morning.book(morning.at(11), service="colour", provider="clara")
    off = morning.at(12, days=0).astimezone(morning.zone).date()
    await morning.sql(
        "INSERT INTO busy_blocks (business_id, provider_id, during, source)"
        " SELECT business_id, id, tstzrange(now(), $2), 'time_off' FROM providers"
        "  WHERE business_id = $1 AND slug = 'clara'",
        morning.business_id,
        morning.at(10, 45),
    )

    answer = await client.get(
        f"/v1/appointments/{booked.manage_token}/availability",
        params={"from": off.isoformat(), "to": (off + timedelta(days=1)).isoformat()},
    )

    found = await answer.json()
    assert datetime.fromisoformat(found["next_available"]) == morning.at(10, 45)


async def test_99_no_other_token_than_its_own_opens_it(client: Client, morning: World) -> None:
    answer = await client.get(f"/v1/appointments/{'x' * 43}/availability")

    assert answer.status == 404
