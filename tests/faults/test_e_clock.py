"""Section E of the matrix: clocks that jump, and times that are none."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from tests.world import World

Client = TestClient[Any, Any]


async def send(client: Client, world: World, start: str, **changes: Any) -> tuple[int, dict[str, Any]]:
    """The answer to a booking at *start*, spelled as it is."""
    order = {**world.order_json(world.at(10)), "start": start, **changes}
    response = await client.post(f"/v1/businesses/{world.slug}/appointments", json=order)
    return response.status, await response.json()


def next_change(world: World, month: int) -> date:
    """The last Sunday of that month, when European clocks change, within the coming year."""
    today = datetime.now(world.zone).date()
    year = today.year if (today.month, today.day) < (month, 20) else today.year + 1
    last = date(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)


async def night_world(world: World) -> None:
    """Somebody who works around the clock, bookable for a year ahead."""
    await world.provider("night", windows=((0, 1440),))
    await world.service("night", providers=["night"], horizon_days=730)


async def test_E45_a_time_that_the_clock_skips_is_never_shown(client: Client, world: World) -> None:
    """An instant cannot lie in the gap; a wall time without an offset, which could, is refused."""
    await night_world(world)
    day = next_change(world, 3)

    url = f"/v1/businesses/{world.slug}/availability?service=night&from={day}&to={day}"
    slots = (await (await client.get(url)).json())["days"][0]["slots"]
    status, problem = await send(client, world, f"{day}T02:30:00", service="night", provider="night")

    assert not [slot for slot in slots if slot["start"][11:13] == "02"]
    assert (status, problem["errors"][0]["pointer"]) == (422, "/start")


async def test_E46_both_hours_of_the_autumn_night_can_be_booked_and_differ(client: Client, world: World) -> None:
    await night_world(world)
    day = next_change(world, 10)

    url = f"/v1/businesses/{world.slug}/availability?service=night&from={day}&to={day}"
    slots = (await (await client.get(url)).json())["days"][0]["slots"]
    twice = [slot["start"] for slot in slots if slot["start"][11:16] == "02:30"]
    answers = [await send(client, world, start, service="night", provider="night") for start in twice]

    assert twice == [f"{day}T02:30:00+02:00", f"{day}T02:30:00+01:00"]
    assert [status for status, _ in answers] == [201, 201]
    assert answers[0][1]["start"] != answers[1][1]["start"]


@pytest.mark.parametrize(("minutes", "status"), [(-2, 422), (59, 422), (61, 201)])
async def test_E51_past_and_notice_are_decided_by_the_database_s_clock(
    client: Client, world: World, minutes: int, status: int
) -> None:
    """To the second it is shown on the rules themselves; here it is whose clock they are asked with."""
    await world.provider("now", windows=((0, 1440),))
    await world.service("now", providers=["now"], min_notice_min=60, duration_min=1, slot_step_min=1)
    now = (await world.sql("SELECT clock_timestamp() AS now"))[0]["now"]
    start = now.replace(second=0, microsecond=0) + timedelta(minutes=minutes)

    found, problem = await send(client, world, start.isoformat(), service="now", provider="now")

    assert found == status, problem


async def test_E51_the_horizon_is_the_last_moment_that_can_be_booked(client: Client, world: World) -> None:
    await world.service("soon", providers=["anna"], horizon_days=3)

    inside, _ = await send(client, world, world.at(9, days=2).isoformat(), service="soon")
    outside, problem = await send(client, world, world.at(9, days=4).isoformat(), service="soon")

    assert (inside, outside) == (201, 422)
    assert [reason["rule"] for reason in problem["reasons"]] == ["horizon"]


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "../../etc/passwd", "x" * 5000, "europe/berlin", "", "UTC\0", "localtime", 7, None]
)
async def test_E52_a_zone_that_is_none_is_refused(client: Client, world: World, zone: object) -> None:
    customer = {"name": "A", "email": "a@example.com", "timezone": zone}

    status, problem = await send(client, world, world.at(10).isoformat(), customer=customer)

    assert (status, problem["errors"][0]["pointer"]) == (422, "/customer/timezone")


@pytest.mark.parametrize(
    "start",
    [
        *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-12-01T23:59:60Z", "2026-12-01T24:00:00Z"),
        *("2026-12-01T09:00:00", "2026-12-01", "tomorrow", "", "2027-02-29T09:00:00Z", "1764579600", 1764579600, None),
        *("2026-12-01T09:00:00.5Z", "2026-12-01T09:00:00+25:00", "NaN", [], {}),
    ],
)
async def test_E53_a_time_that_is_none_is_refused(client: Client, world: World, start: Any) -> None:
    status, problem = await send(client, world, start)

    assert status == 422
    assert problem["type"] in {"/problems/invalid-request", "/problems/slot-not-offered"}


@pytest.mark.parametrize("days", [-10, 10])
async def test_E50_a_process_whose_clock_is_wrong_decides_by_the_database_s(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    class Wrong(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Wrong":
            return cls.fromtimestamp(datetime.now(tz).timestamp() + days * 86_400, tz)

    monkeypatch.setattr("server.store.engine.datetime", Wrong)

    soon, _ = await send(client, world, world.at(10, days=2).isoformat())
    past, problem = await send(client, world, world.at(10, days=-2).isoformat())

    assert (soon, past) == (201, 422)
    assert "past" in [reason["rule"] for reason in problem["reasons"]]
