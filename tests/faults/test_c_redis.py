"""Section C of the matrix: Redis may go away, stall, or fill up, and a booking does not notice."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from redis.asyncio import Redis

from server.app import build_app
from server.settings import LimitSettings
from tests.services import RedisServer
from tests.world import World, settings_for

Client = TestClient[Any, Any]
OpenClient = Callable[..., Awaitable[Client]]


async def book_and_look(client: Client, world: World, hour: int) -> None:
    """Books that hour, and sees it gone."""
    day = world.at(hour).astimezone(world.zone).date()
    booked = await client.post(f"/v1/businesses/{world.slug}/appointments", json=world.order_json(world.at(hour)))
    shown = await client.get(f"/v1/businesses/{world.slug}/availability?service=cut&from={day}&to={day}")
    assert (booked.status, shown.status) == (201, 200)
    starts = [slot["start"] for slot in (await shown.json())["days"][0]["slots"]]
    assert world.at(hour).astimezone(world.zone).isoformat() not in starts


@pytest.fixture
async def client(database_url: str, own_redis: RedisServer, aiohttp_client: OpenClient) -> Client:
    """A client of an application whose Redis this test may hurt."""
    return await aiohttp_client(build_app(settings_for(database_url, own_redis.url)))


async def test_C28_bookings_go_on_without_redis_and_after_it_is_back(
    client: Client, own_redis: RedisServer, world: World
) -> None:
    await book_and_look(client, world, 9)

    await asyncio.to_thread(own_redis.kill)
    await book_and_look(client, world, 10)
    await asyncio.to_thread(own_redis.restart)

    await book_and_look(client, world, 11)


async def test_C29_a_flushed_redis_brings_no_old_answer_back(
    client: Client, own_redis: RedisServer, world: World
) -> None:
    await book_and_look(client, world, 9)
    redis = Redis.from_url(own_redis.url)
    await redis.flushall()
    await redis.aclose()

    await book_and_look(client, world, 10)


async def test_C31_a_full_redis_is_not_the_customer_s_trouble(
    client: Client, own_redis: RedisServer, world: World
) -> None:
    redis = Redis.from_url(own_redis.url)
    await redis.config_set("maxmemory", "1")
    await redis.aclose()

    await book_and_look(client, world, 10)


async def test_C33_a_redis_that_stalls_costs_a_moment_and_no_more(
    client: Client, own_redis: RedisServer, world: World
) -> None:
    await book_and_look(client, world, 9)
    own_redis.pause()
    try:
        await book_and_look(client, world, 10)  # and all of it while Redis says nothing
        await book_and_look(client, world, 11)
    finally:
        own_redis.resume()


async def test_C35_limits_hold_in_each_process_while_redis_is_away(
    database_url: str, own_redis: RedisServer, aiohttp_client: OpenClient, world: World
) -> None:
    settings = settings_for(database_url, own_redis.url, limit=LimitSettings(write_per_ip="3/minute"))
    client = await aiohttp_client(build_app(settings))
    await asyncio.to_thread(own_redis.kill)

    statuses = []
    for hour in range(9, 14):
        url = f"/v1/businesses/{world.slug}/appointments"
        response = await client.post(url, json=world.order_json(world.at(hour)))
        statuses.append(response.status)

    assert statuses == [201, 201, 201, 429, 429]
    assert int(response.headers["Retry-After"]) > 0


async def test_C28_what_changed_while_redis_was_away_is_not_shown_from_before_when_it_is_back(
    client: Client, own_redis: RedisServer, world: World
) -> None:
    day = world.at(10).astimezone(world.zone).date()
    url = f"/v1/businesses/{world.slug}/availability?service=cut&from={day}&to={day}"
    before = await (await client.get(url)).text()
    own_redis.pause()
    await client.post(f"/v1/businesses/{world.slug}/appointments", json=world.order_json(world.at(10)))
    own_redis.resume()
    await asyncio.sleep(1.1)  # requests leave Redis alone for a second after it failed one

    after = await (await client.get(url)).text()

    assert before != after
