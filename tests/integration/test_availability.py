"""Free slots over HTTP: what is offered, in whose zone, from which cache."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.settings import CacheSettings, Settings
from server.web.keys import CACHE
from tests.world import World, settings_for

Client = TestClient[Any, Any]


def path(world: World, day: date, *, until: date | None = None, **query: str) -> str:
    """The question for a day, or for several."""
    asked = {"service": "cut", "from": day.isoformat(), "to": (until or day).isoformat(), **query}
    return f"/v1/businesses/{world.slug}/availability?" + "&".join(f"{name}={value}" for name, value in asked.items())


async def starts(client: Client, url: str) -> list[datetime]:
    """The starts that are offered, as aware UTC."""
    response = await client.get(url)
    assert response.status == 200, await response.text()
    days = (await response.json())["days"]
    return [datetime.fromisoformat(slot["start"]).astimezone(UTC) for day in days for slot in day["slots"]]


def day_of(world: World, days: int = 7) -> date:
    """The local date so many days from today."""
    return datetime.now(world.zone).date() + timedelta(days=days)


async def test_the_same_slots_are_shown_in_every_zone(client: Client, world: World) -> None:
    day = day_of(world)
    wide = {"until": day + timedelta(days=1)}

    berlin = await starts(client, path(world, day, tz="Europe/Berlin"))
    tokyo = await starts(client, path(world, day, tz="Asia/Tokyo", **wide))
    los_angeles = await starts(client, path(world, day - timedelta(days=1), tz="America/Los_Angeles", **wide))

    assert berlin == [world.at(9) + timedelta(minutes=30 * n) for n in range(16)]
    assert set(berlin) <= set(tokyo)
    assert set(berlin) <= set(los_angeles)


async def test_days_are_those_of_the_zone_that_was_asked_for(client: Client, world: World) -> None:
    day = day_of(world)

    response = await client.get(path(world, day, tz="Pacific/Auckland"))
    answer = await response.json()

    assert answer["timezone"] == "Pacific/Auckland"
    assert {slot["start"][:10] for slot in answer["days"][0]["slots"]} == {day.isoformat()}


async def test_a_booked_slot_is_gone_at_once_in_the_process_that_booked_it(client: Client, world: World) -> None:
    url = path(world, day_of(world))
    assert world.at(10) in await starts(client, url)

    await client.post(f"/v1/businesses/{world.slug}/appointments", json=world.order_json(world.at(10)))

    assert world.at(10) not in await starts(client, url)


async def test_a_slot_booked_by_another_process_is_gone_after_a_moment(
    settings: Settings, aiohttp_client: Callable[..., Awaitable[Client]], world: World
) -> None:
    here, there = [await aiohttp_client(build_app(settings)) for _ in range(2)]
    url = path(world, day_of(world))
    for _ in range(3):
        assert world.at(10) in await starts(here, url)

    await there.post(f"/v1/businesses/{world.slug}/appointments", json=world.order_json(world.at(10)))

    deadline = datetime.now(UTC) + timedelta(seconds=1)
    while world.at(10) in await starts(here, url):
        assert datetime.now(UTC) < deadline


async def test_an_answer_that_has_not_changed_is_not_sent_again(client: Client, world: World) -> None:
    url = path(world, day_of(world))
    first = await client.get(url)

    second = await client.get(url, headers={"If-None-Match": first.headers["ETag"]})

    assert (second.status, await second.read()) == (304, b"")


async def test_without_redis_every_answer_is_computed_and_right(
    database_url: str, aiohttp_client: Callable[..., Awaitable[Client]], world: World
) -> None:
    client = await aiohttp_client(build_app(settings_for(database_url, "redis://127.0.0.1:1/0")))
    url = path(world, day_of(world))
    assert world.at(10) in await starts(client, url)

    await world.book(world.at(10))

    assert world.at(10) not in await starts(client, url)


async def test_under_overload_it_says_so_instead_of_computing_everything(
    database_url: str, redis_url: str, aiohttp_client: Callable[..., Awaitable[Client]], world: World
) -> None:
    settings = settings_for(database_url, redis_url, cache=CacheSettings(max_computing=1))
    client = await aiohttp_client(build_app(settings))
    client.app[CACHE]._computing["somebody else's question", b""] = None  # type: ignore[index,assignment]

    response = await client.get(path(world, day_of(world)))

    assert (response.status, response.headers["Retry-After"]) == (503, "1")


async def test_the_next_free_time_is_found_beyond_the_days_that_were_asked_for(client: Client, world: World) -> None:
    await world.sql(
        """
        INSERT INTO busy_blocks (business_id, provider_id, during, source)
        SELECT $1, id, tstzrange($2, $3), 'time_off' FROM providers WHERE business_id = $1
        """,
        world.business_id,
        world.at(0, days=0),
        world.at(0, days=40),
    )

    response = await client.get(path(world, day_of(world, 5)))

    assert datetime.fromisoformat((await response.json())["next_available"]) == world.at(9, days=40)


async def test_nothing_is_next_where_nothing_is_offered_up_to_the_horizon(client: Client, world: World) -> None:
    await world.service("rare", providers=["ruth"], horizon_days=3)
    await world.sql("DELETE FROM working_hours WHERE business_id = $1", world.business_id)

    response = await client.get(path(world, day_of(world), service="rare"))

    assert (await response.json())["next_available"] is None


async def test_any_provider_is_the_union_with_their_names(client: Client, world: World) -> None:
    await world.service("any", providers=["anna", "ben"])
    await world.book(world.at(10), service="any", provider="anna")

    response = await client.get(path(world, day_of(world), service="any"))

    slots = {slot["start"][11:16]: slot["providers"] for slot in (await response.json())["days"][0]["slots"]}
    assert (slots["10:00"], slots["11:00"]) == (["ben"], ["anna", "ben"])


async def test_a_class_says_how_many_places_are_left(client: Client, world: World) -> None:
    await world.service("yoga", providers=["anna"], capacity=3, duration_min=60)
    await world.book(world.at(10), service="yoga")

    response = await client.get(path(world, day_of(world), service="yoga"))

    places = {slot["start"][11:16]: slot["places_left"] for slot in (await response.json())["days"][0]["slots"]}
    assert (places["10:00"], places["12:00"]) == (2, 3)


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-13-01"},
        {"to": "0001-01-01"},
        {"to": "9999-12-31"},
        {"tz": "../../etc/passwd"},
        {"tz": "europe/berlin"},
        {"service": "Cut!"},
        {"role": "admin"},
    ],
)
async def test_a_question_that_makes_no_sense_is_refused_clearly(
    client: Client, world: World, query: dict[str, str]
) -> None:
    response = await client.get(path(world, day_of(world), **query))

    problem = await response.json()
    assert (response.status, problem["type"]) == (422, "/problems/invalid-request")
    assert problem["errors"][0]["detail"]


async def test_more_than_62_days_are_refused(client: Client, world: World) -> None:
    response = await client.get(path(world, day_of(world), until=day_of(world, 7 + 62)))

    assert response.status == 422


@pytest.mark.parametrize("missing", ["business", "service", "provider", "location"])
async def test_what_does_not_exist_is_named(client: Client, world: World, missing: str) -> None:
    query = {missing: "nobody"} if missing != "business" else {}
    url = path(world, day_of(world), **query)
    if missing == "business":
        url = url.replace(world.slug, "nobody")

    response = await client.get(url)

    assert (response.status, (await response.json())["what"]) == (404, missing)


async def test_explain_names_the_rule_and_is_for_managers_only(client: Client, world: World) -> None:
    await world.book(world.at(10))
    query = f"service=cut&start={world.at(10).isoformat().replace('+', '%2B')}"
    url = f"/v1/businesses/{world.slug}/availability/explain?{query}"

    refused = await client.get(url)
    answer = await (await client.get(url, headers=world.auth)).json()

    assert refused.status == 401
    assert [verdict["rule"] for verdict in answer["candidates"][0]["refused_by"]] == ["claims"]


async def test_a_change_of_the_catalogue_shows_at_once_whoever_made_it(
    database_url: str, aiohttp_client: Callable[..., Awaitable[Client]], world: World
) -> None:
    """What is offered is kept in the process; its version comes with every question."""
    client = await aiohttp_client(build_app(settings_for(database_url, cache=CacheSettings(ttl_s=0))))
    url = path(world, day_of(world))
    assert world.at(9) in await starts(client, url)

    await world.sql("UPDATE working_hours SET start_min = 600 WHERE business_id = $1", world.business_id)
    after_hours = await starts(client, url)
    await world.sql("UPDATE providers SET active = false WHERE business_id = $1", world.business_id)
    after_leaving = await (await client.get(url)).json()

    assert after_hours[0] == world.at(10)
    assert after_leaving["days"][0]["slots"] == []


async def test_a_booking_is_checked_against_what_is_offered_now(client: Client, world: World) -> None:
    url = f"/v1/businesses/{world.slug}/appointments"
    assert (await client.post(url, json=world.order_json(world.at(10)))).status == 201

    await world.sql("UPDATE working_hours SET start_min = 660 WHERE business_id = $1", world.business_id)
    response = await client.post(url, json=world.order_json(world.at(10, 30)))

    assert (response.status, (await response.json())["type"]) == (422, "/problems/slot-not-offered")


async def with_own_terms(world: World) -> None:
    """Half an hour for 50.00; Da asks 30.00, Db takes an hour and 90.00."""
    await world.service("any", providers=["db", "da"], duration_min=30, price_minor=5000)
    await world.own_terms("da", "any", price_minor=3000)
    await world.own_terms("db", "any", duration_min=60, price_minor=9000)


async def test_M124_a_time_is_given_once_with_the_lowest_terms_first(client: Client, world: World) -> None:
    await with_own_terms(world)
    await world.book(world.at(11), service="any", provider="da")

    answer = await (await client.get(path(world, day_of(world), service="any"))).json()

    slots = answer["days"][0]["slots"]
    starts = [slot["start"][11:16] for slot in slots]
    assert len(starts) == len(set(starts))
    by_start = {slot["start"][11:16]: (slot["providers"], slot["end"][11:16]) for slot in slots}
    assert by_start["10:00"] == (["da", "db"], "10:30")
    assert by_start["11:00"] == (["db"], "12:00")
    assert answer["provider_terms"] == {
        "da": {"duration_min": 30, "price_minor": 3000},
        "db": {"duration_min": 60, "price_minor": 9000},
    }


async def test_where_all_have_the_same_terms_nothing_is_said_of_them(client: Client, world: World) -> None:
    await world.service("any", providers=["da", "db"])

    answer = await (await client.get(path(world, day_of(world), service="any"))).json()

    assert "provider_terms" not in answer


async def test_M124_anybody_is_whoever_has_the_terms_that_were_shown(world: World) -> None:
    await with_own_terms(world)

    first, second = [await world.book(world.at(10), service="any", provider=None) for _ in range(2)]

    assert [first.appointment.provider, second.appointment.provider] == ["da", "db"]
    assert first.appointment.end - first.appointment.start == timedelta(minutes=30)


async def test_the_second_customer_of_anybody_fills_the_class_that_has_begun(world: World) -> None:
    await world.service("yoga", providers=["ca", "cb"], capacity=3, duration_min=60)

    booked = [await world.book(world.at(10), service="yoga", provider=None) for _ in range(4)]

    first, *others = [each.appointment.provider for each in booked]
    assert others == [first, first, ({"ca", "cb"} - {first}).pop()]
