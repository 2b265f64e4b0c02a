"""Proves the part of row 122 that is about alarm: a business hears when strangers book much faster than usual."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.domain.surges import Pace, is_surge
from server.usecases.watch_pace import watch_pace
from tests.faults.test_m_confirm import Post, post
from tests.faults.test_m_quotas import DAY, MANY, open_shop, try_book, try_hold
from tests.integration.test_mails import mailing
from tests.world import World

__all__ = ["post"]
Client = TestClient[Any, Any]
OpenClient = Callable[..., Awaitable[Client]]


@pytest.fixture
async def shop(own_world: World) -> World:
    await own_world.service(providers=["anna", "ben"])
    await own_world.sql("UPDATE businesses SET email = 'owner@example.org'")
    return own_world


@pytest.fixture
async def client(own_database_url: str, aiohttp_client: OpenClient) -> Client:
    return await open_shop(own_database_url, aiohttp_client, **MANY)


async def rush(client: Client, shop: World) -> None:
    """Twenty bookings and holds from as many networks."""
    for n, at in enumerate(DAY):
        assert await try_book(client, shop, at, {"X-Forwarded-For": f"2001:db8:{n + 1:x}::1"}) == 201
    for n, at in enumerate(DAY[:4]):
        there = {"X-Forwarded-For": f"2001:db8:{n + 100:x}::1"}
        assert await try_hold(client, shop, at, there, provider="ben") == 201


async def surges(shop: World) -> list[dict[str, Any]]:
    rows = await shop.sql("SELECT payload FROM outbox WHERE kind = 'booking.surge' ORDER BY id")
    return [row["payload"] for row in rows]


async def test_M122_a_rush_of_strangers_is_told_once_an_hour_by_mail_and_webhook(
    client: Client, shop: World, post: Post
) -> None:
    endpoint = {"url": "https://hooks.example.org/bookable", "kinds": ["booking.surge"]}
    made = await client.post(f"/v1/businesses/{shop.slug}/webhooks", json=endpoint, headers=shop.auth)
    assert made.status == 201, await made.text()
    await rush(client, shop)

    for _ in range(3):
        await watch_pace(shop.core)

    (told,) = await surges(shop)
    assert (told["taken"], told["usual"], told["guarded_until"]) == (20, 0, None)
    async with mailing(shop, post) as pump:
        await pump.drain()
    mails = [mail for mail, to in zip(post.mails, post.recipients, strict=True) if to == ["owner@example.org"]]
    subjects = [mail["Subject"] for mail in mails if "Unusually" in mail["Subject"]]
    assert subjects == ["Unusually many bookings: 20 within an hour"]
    (hook,) = await shop.sql("SELECT message FROM deliveries WHERE channel = 'webhook'")
    assert hook["message"] == "booking.surge"

    await shop.sql("UPDATE businesses SET surge_told_at = surge_told_at - interval '61 minutes'")
    await watch_pace(shop.core)
    assert len(await surges(shop)) == 2


async def test_M122_a_business_that_wants_it_confirms_addresses_for_a_while(client: Client, shop: World) -> None:
    await shop.sql("UPDATE businesses SET on_surge = 'confirm'")
    await rush(client, shop)
    await watch_pace(shop.core)
    (told,) = await surges(shop)
    assert told["guarded_until"] is not None

    async def booked(at: tuple[int, int]) -> str:
        order = shop.order_json(shop.at(*at), provider="ben")
        there = {"X-Forwarded-For": "198.51.100.9"}
        answer = await client.post(f"/v1/businesses/{shop.slug}/appointments", json=order, headers=there)
        return str((await answer.json())["status"])

    assert await booked(DAY[8]) == "held"
    await shop.sql("UPDATE businesses SET guarded_until = clock_timestamp()")
    assert await booked(DAY[10]) == "confirmed"


async def test_M122_staff_who_book_a_lot_alarm_nobody(client: Client, shop: World) -> None:
    for at in DAY:
        await try_book(client, shop, at, shop.auth)
        await try_book(client, shop, at, shop.auth, provider="ben")
    await watch_pace(shop.core)
    assert await surges(shop) == []


def test_M122_what_is_usual_is_no_surge() -> None:
    assert is_surge(Pace(taken=20, usual=6), least=20, factor=3)
    assert not is_surge(Pace(taken=19, usual=0), least=20, factor=3)
    assert not is_surge(Pace(taken=60, usual=20), least=20, factor=3)
