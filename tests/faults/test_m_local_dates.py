"""
Row M129 of the matrix: a date is the location's, at every hour of its clock.

The zones are a clock at each hour and two dates. Leaves whom the waitlist serves to `test_m_waitlist`, and who may make
a date of a moment to `tests/unit/test_local_dates`.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import TestClient

from server.domain.appointment import CustomerDetails
from server.domain.errors import DaysPassed
from server.domain.waitlist import Wish
from server.domain.zones import date_in, utc_day
from server.usecases.core import Core
from server.usecases.waitlist import Joined, join
from tests.world import World, no_key

Client = TestClient[Any, Any]
ZONES = [f"Etc/GMT{hours:+d}" for hours in range(12, -15, -1)] + ["Pacific/Kiritimati", "America/Los_Angeles"]


async def always_open(core: Core, where: str) -> World:
    world = await World.make(core, timezone=where)
    await world.provider("anna", windows=((0, 1440),))
    await world.service(slot_step_min=5, duration_min=5)
    return world


def today(where: str) -> date:
    return datetime.now(ZoneInfo(where)).date()


def ends(where: str) -> bool:
    """The day is about to end there."""
    return date_in(ZoneInfo(where), datetime.now(UTC) + timedelta(minutes=6)) != today(where)


@pytest.mark.parametrize("where", ZONES)
async def test_M129_without_dates_the_week_begins_today_there(client: Client, core: Core, where: str) -> None:
    world = await always_open(core, where)
    expected = today(where)

    answer = await (await client.get(f"/v1/businesses/{world.slug}/availability?service=cut")).json()

    days = [day["date"] for day in answer["days"]]
    if not ends(where):
        assert days == [(expected + timedelta(days=n)).isoformat() for n in range(7)]


@pytest.mark.parametrize("where", ZONES)
async def test_M129_today_is_asked_for_in_the_zone_that_was_named(client: Client, world: World, where: str) -> None:
    url = f"/v1/businesses/{world.slug}/availability"
    days = {"service": "cut", "tz": where, "to": today(where).isoformat()}

    assert (await client.get(url, params=days)).status == 200

    before = {**days, "to": (today(where) - timedelta(days=1)).isoformat()}
    refused = await client.get(url, params=before)
    assert refused.status == 422
    assert (await refused.json())["errors"][0]["parameter"] == "to"


@pytest.mark.parametrize("where", ZONES)
async def test_M129_the_plain_page_goes_back_to_the_day_that_was_looked_at(
    client: Client, core: Core, where: str
) -> None:
    world = await always_open(core, where)
    late = datetime.combine(today(where) + timedelta(days=3), datetime.min.time(), ZoneInfo(where))
    late += timedelta(hours=23, minutes=30)
    for start in (late, late - timedelta(hours=23)):
        page = await (
            await client.get(f"/book/{world.slug}?service=cut&start={quote(start.astimezone(UTC).isoformat())}")
        ).text()

        back = re.search(r'day=(\d{4}-\d\d-\d\d)[^"]*">\s*Choose a new time', page)
        assert back is not None
        assert back[1] == start.date().isoformat()


@pytest.mark.parametrize("where", ZONES)
@pytest.mark.parametrize(("days", "works"), [(-1, False), (0, True)])
async def test_M129_an_exception_of_today_is_still_to_come(
    client: Client, core: Core, where: str, days: int, works: bool
) -> None:
    world = await World.make(core, timezone=where)
    await world.service()
    await world.sql("DELETE FROM working_hours WHERE business_id = $1", world.business_id)
    expected = today(where)
    await world.sql(
        "INSERT INTO exceptions (business_id, provider_id, location_id, day, windows)"
        " SELECT $1, p.id, $2, $3, '{[600,660)}'::int4multirange FROM providers p WHERE p.business_id = $1",
        world.business_id,
        world.location_id,
        expected + timedelta(days=days),
    )

    profile = await (await client.get(f"/v1/businesses/{world.slug}")).json()

    if today(where) == expected:
        assert profile["providers"][0]["locations"] == (["here"] if works else [])


@pytest.mark.parametrize("where", ZONES)
async def test_M129_whoever_waits_says_whose_days_they_mean(core: Core, where: str) -> None:
    world = await World.make(core)
    await world.service()
    await world.sql("DELETE FROM working_hours WHERE business_id = $1", world.business_id)
    wanted = today(where)
    wish = Wish(first_day=wanted, last_day=wanted)
    customer = CustomerDetails(name="Wanda", email="wanda@example.org", timezone=where)

    joined = await join(core, world.slug, "cut", wish=wish, customer=customer, once=no_key(), days_in=ZoneInfo(where))

    assert isinstance(joined, Joined)
    kept, berlin = joined.entry.wish, ZoneInfo("Europe/Berlin")
    begin = datetime.combine(wanted, datetime.min.time(), ZoneInfo(where))
    assert kept.first_day == date_in(berlin, begin)
    assert kept.last_day == date_in(berlin, begin + timedelta(days=1, seconds=-1))


async def test_M129_days_that_have_passed_there_cannot_be_waited_for(core: Core) -> None:
    world = await World.make(core, timezone="Pacific/Kiritimati")
    await world.service()
    wish = Wish(first_day=today("Etc/GMT+12"), last_day=today("Etc/GMT+12"))
    customer = CustomerDetails(name="Wanda", email="wanda@example.org", timezone="Europe/Berlin")

    with pytest.raises(DaysPassed):
        await join(core, world.slug, "cut", wish=wish, customer=customer, once=no_key())


def test_M129_the_day_of_utc_is_nobodys() -> None:
    evening = datetime(2026, 11, 27, 23, 30, tzinfo=ZoneInfo("Etc/GMT+12"))

    assert date_in(ZoneInfo("Etc/GMT+12"), evening) == date(2026, 11, 27)
    assert utc_day(evening) == date(2026, 11, 28)
