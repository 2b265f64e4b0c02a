"""The stream of changes: another browser hears within a second that a slot has gone."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.settings import Settings
from server.web.keys import LISTENERS, STREAMS
from tests.world import World

Client = TestClient[Any, Any]


async def next_event(response: ClientResponse) -> dict[str, Any]:
    """The next event that carries data."""
    while True:
        line = await response.content.readline()
        if line.startswith(b"data: "):
            found: dict[str, Any] = orjson.loads(line.removeprefix(b"data: "))
            return found


def stream_path(world: World, **query: str) -> str:
    """The stream of the coming two weeks."""
    today = datetime.now(world.zone).date()
    asked = {"service": "cut", "from": today, "to": today + timedelta(days=14), "tz": world.zone.key, **query}
    return f"/v1/businesses/{world.slug}/availability/stream?" + "&".join(f"{k}={v}" for k, v in asked.items())


async def test_a_booking_in_one_process_is_heard_in_another_within_a_second(
    settings: Settings, aiohttp_client: Callable[..., Awaitable[Client]], world: World
) -> None:
    here, there = [await aiohttp_client(build_app(settings)) for _ in range(2)]
    await here.app[LISTENERS].connected.wait()
    async with here.get(stream_path(world)) as response:
        await response.content.readline()

        await there.post(f"/v1/businesses/{world.slug}/appointments", json=world.order_json(world.at(10)))
        event = await asyncio.wait_for(next_event(response), 1)

    assert event == {"version": 1, "days": [world.at(10).astimezone(world.zone).date().isoformat()]}


async def test_somebody_else_s_time_is_not_worth_an_event(
    settings: Settings, aiohttp_client: Callable[..., Awaitable[Client]], world: World
) -> None:
    await world.service("other", providers=["ben"])
    client = await aiohttp_client(build_app(settings))
    await client.app[LISTENERS].connected.wait()
    async with client.get(stream_path(world, provider="anna")) as response:
        await response.content.readline()

        url = f"/v1/businesses/{world.slug}/appointments"
        await client.post(url, json=world.order_json(world.at(11), service="other", provider="ben"))
        await client.post(url, json=world.order_json(world.at(10, days=9)))
        event = await asyncio.wait_for(next_event(response), 2)

    assert event["days"] == [world.at(10, days=9).astimezone(world.zone).date().isoformat()]


async def test_a_stream_that_is_left_is_forgotten(
    settings: Settings, aiohttp_client: Callable[..., Awaitable[Client]], world: World
) -> None:
    client = await aiohttp_client(build_app(settings))
    response = await client.get(stream_path(world))
    await response.content.readline()
    assert client.app[STREAMS].of(world.slug) == 1

    response.close()
    await world.book(world.at(10))
    await client.post(f"/v1/businesses/{world.slug}/appointments", json=world.order_json(world.at(12)))

    for _ in range(100):
        if client.app[STREAMS].of(world.slug) == 0:
            break
        await asyncio.sleep(0.02)
    assert client.app[STREAMS].of(world.slug) == 0
