"""Section M of the matrix: what strangers, scripts and proxies do at the edge."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.settings import HttpSettings, LimitSettings
from server.store.engine import Database
from server.tokens import new_api_key
from server.web import stream
from server.web.cors import ORIGINS
from tests.world import World, settings_for

Client = TestClient[Any, Any]
OpenClient = Callable[..., Awaitable[Client]]
THROUGH_A_PROXY = HttpSettings(trusted_proxies="127.0.0.0/8")


def wrong_key() -> str:
    return new_api_key()[0]


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry per time that a connection of the pool is asked for, for reading."""
    seen: list[str] = []
    reading = Database.reading

    def counted(self: Database) -> Any:
        seen.append("reading")
        return reading(self)

    monkeypatch.setattr(Database, "reading", counted)
    return seen


async def open_limited(database_url: str, aiohttp_client: OpenClient, **limits: Any) -> Client:
    settings = settings_for(database_url, http=THROUGH_A_PROXY, limit=LimitSettings(**limits))
    return await aiohttp_client(build_app(settings))


async def test_M123_J103_right_keys_work_behind_an_address_that_sends_wrong_ones(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    client = await open_limited(database_url, aiohttp_client, failed_keys_per_ip="3/minute")
    url = f"/v1/businesses/{world.slug}/appointments"

    wrong = [(await client.get(url, headers={"Authorization": f"Bearer {wrong_key()}"})).status for _ in range(6)]
    right = await client.get(url, headers=world.auth)
    refused = await client.get(url, headers={"Authorization": f"Bearer {wrong_key()}"})

    assert wrong == [401, 401, 401, 429, 429, 429]
    assert right.status == 200
    assert int(refused.headers["Retry-After"]) >= 1


async def test_M123_a_right_key_gets_through_beside_a_burst_of_wrong_ones(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    client = await open_limited(database_url, aiohttp_client, failed_keys_per_ip="3/minute")
    url = f"/v1/businesses/{world.slug}/appointments"

    async def ask(auth: dict[str, str]) -> int:
        async with client.get(url, headers=auth) as response:
            return response.status

    guesses = [ask({"Authorization": f"Bearer {wrong_key()}"}) for _ in range(100)]
    statuses = await asyncio.gather(*guesses[:50], ask(world.auth), *guesses[50:])

    assert statuses[50] == 200
    assert set(statuses[:50] + statuses[51:]) <= {401, 429}


async def test_J103_what_cannot_be_a_key_costs_no_query(client: Client, world: World, queries: list[str]) -> None:
    for key in ("", "bk_", "bk_1", "bk_00000000_short", "x" * 44, "bk_0000000G_" + "a" * 32, "é" * 44):
        header = f"Bearer {key}".encode().decode("latin-1")
        response = await client.get(f"/v1/businesses/{world.slug}/appointments", headers={"Authorization": header})
        assert response.status == 401, key

    assert queries == []


async def test_M123_one_ipv6_line_is_one_network_and_a_site_is_bounded_too(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    client = await open_limited(database_url, aiohttp_client, write_per_ip="3/minute", wide_factor=2)

    async def status(address: str) -> int:
        async with client.post("/v1/appointments/x/cancel", headers={"X-Forwarded-For": address}) as response:
            return response.status

    line = [await status(f"2001:db8:1:1::{n:x}") for n in range(5)]
    site = [await status(f"2001:db8:1:{n:x}::1") for n in range(2, 7)]
    other = await status("2001:db8:2:1::1")

    assert line == [404, 404, 404, 429, 429]
    assert site == [404, 404, 404, 429, 429]
    assert other == 404


async def test_M123_a_network_that_was_refused_is_counted_in_no_new_place(
    database_url: str, redis_url: str, aiohttp_client: OpenClient
) -> None:
    settings = settings_for(
        database_url, redis_url, http=THROUGH_A_PROXY, limit=LimitSettings(write_per_ip="2/minute", wide_factor=1)
    )
    client = await aiohttp_client(build_app(settings))
    for n in range(30):
        await client.post("/v1/appointments/x/cancel", headers={"X-Forwarded-For": f"2001:db8:77:1::{n:x}"})

    from server.web.keys import LINK

    keys = await client.app[LINK].ask(lambda redis: redis.keys("*2001:db8:77:*"))
    assert keys is not None
    assert len(keys) == 2


async def test_M123_health_checks_are_answered_however_often(database_url: str, aiohttp_client: OpenClient) -> None:
    client = await open_limited(database_url, aiohttp_client, read_per_ip="2/minute")

    for path in ("/healthz", "/readyz", "/metrics"):
        assert {(await client.get(path)).status for _ in range(5)} == {200}
    assert [(await client.get("/docs")).status for _ in range(3)] == [200, 200, 429]


async def test_L112_preflights_are_counted_and_cost_nothing_beyond_the_limit(
    database_url: str, aiohttp_client: OpenClient, queries: list[str]
) -> None:
    client = await open_limited(database_url, aiohttp_client, read_per_ip="3/minute")

    statuses = [
        (await client.options(f"/v1/businesses/x{n}/availability", headers={"Origin": "https://evil.example"})).status
        for n in range(20)
    ]

    assert statuses == [204] * 3 + [429] * 17
    assert len(queries) == 3


async def test_L112_beyond_the_limit_a_preflight_is_answered_from_what_is_known(
    database_url: str, aiohttp_client: OpenClient, world: World, queries: list[str]
) -> None:
    site = {"Origin": "https://shop.example.com"}
    await world.sql(
        "UPDATE businesses SET allowed_origins = '{https://shop.example.com}' WHERE id = $1", world.business_id
    )
    client = await open_limited(database_url, aiohttp_client, read_per_ip="2/minute")
    url = f"/v1/businesses/{world.slug}/availability"
    queries.clear()

    answers = [await client.options(url, headers=site) for _ in range(10)]

    assert [answer.status for answer in answers] == [204] * 10
    assert {answer.headers.get("Access-Control-Allow-Origin") for answer in answers} == {site["Origin"]}
    assert len(queries) == 1


async def test_L112_a_refused_request_costs_no_look_for_its_origin(
    database_url: str, aiohttp_client: OpenClient, queries: list[str]
) -> None:
    client = await open_limited(database_url, aiohttp_client, read_per_ip="1/minute")
    await client.get("/docs")
    queries.clear()

    for n in range(5):
        response = await client.get(f"/v1/businesses/x{n}", headers={"Origin": "https://evil.example"})
        assert response.status == 429

    assert queries == []


async def test_L112_invented_names_do_not_push_out_known_ones(client: Client, world: World) -> None:
    site = {"Origin": "https://shop.example.com"}
    await client.options(f"/v1/businesses/{world.slug}/availability", headers=site)
    known = client.app[ORIGINS]

    for n in range(20):
        await client.options(f"/v1/businesses/x{n}/availability", headers=site)

    assert len(known.listed) == 1
    assert len(known.unknown) == 20


async def test_M123_an_unknown_business_is_looked_for_once(client: Client, queries: list[str]) -> None:
    statuses = [(await client.get("/v1/businesses/nobody-at-all")).status for _ in range(10)]

    assert statuses == [404] * 10
    assert len(queries) == 1


async def test_J99_somebody_else_s_key_makes_no_business_unknown(client: Client, world: World) -> None:
    other = await World.make(world.core)

    foreign = await client.get(f"/v1/businesses/{world.slug}", headers=other.auth)

    assert foreign.status == 404
    assert (await client.get(f"/v1/businesses/{world.slug}")).status == 200


async def test_M123_one_network_cannot_have_all_event_streams(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    client = await open_limited(database_url, aiohttp_client, streams_per_network=2)
    day = world.at(10).date().isoformat()
    url = f"/v1/businesses/{world.slug}/availability/stream?service=cut&from={day}&to={day}"

    async def listen(address: str) -> Any:
        return await client.get(url, headers={"X-Forwarded-For": address})

    same = [await listen(f"2001:db8:1:2::{n}") for n in range(4)]
    other = await listen("203.0.113.9")

    assert [response.status for response in same] == [200, 200, 204, 204]
    assert other.status == 200
    assert stream.MOST_PER_BUSINESS > 2
    for response in (*same, other):
        response.close()


async def test_A11_a_stranger_s_key_is_too_long_to_come_upon(client: Client, world: World) -> None:
    url, order = f"/v1/businesses/{world.slug}/appointments", world.order_json(world.at(10))

    short = await client.post(url, json=order, headers={"Idempotency-Key": "order-1001"})
    known = await client.post(url, json=order, headers={"Idempotency-Key": "order-1001", **world.auth})
    long = await client.post(url, json=world.order_json(world.at(12)), headers={"Idempotency-Key": "a" * 16})

    assert (short.status, known.status, long.status) == (422, 201, 201)
    said = (await short.json())["errors"][0]
    assert said["header"] == "Idempotency-Key"
    assert "at least 16 characters" in said["detail"]


async def test_A11_a_stranger_gets_no_token_for_the_key_alone(client: Client, world: World) -> None:
    """Who has come upon a key must also say what was asked, whose name and address and all."""
    url, order = f"/v1/businesses/{world.slug}/appointments", world.order_json(world.at(10))
    key = {"Idempotency-Key": "0b4f7a7e-5b5e-4a54-9f3b-2f6a4d1c9e11"}
    booked = await (await client.post(url, json=order, headers=key)).json()

    other = await client.post(url, json={**order, "customer": {**order["customer"], "name": "Mallory"}}, headers=key)

    assert other.status == 422
    assert booked["manage_token"] not in await other.text()


async def test_J98_a_key_for_availability_sees_what_the_public_sees(client: Client, world: World) -> None:
    base = f"/v1/businesses/{world.slug}"
    made = await client.post(f"{base}/api-keys", json={"name": "Site", "scopes": ["availability"]}, headers=world.auth)
    key = {"Authorization": f"Bearer {(await made.json())['key']}"}

    assert (await client.get(base, headers=key)).status == 200
    assert (await client.get(f"{base}/availability?service=cut", headers=key)).status == 200
    for path in ("appointments", "customers", "providers", "settings", "waitlist", "payments", "audit", "api-keys"):
        assert (await client.get(f"{base}/{path}", headers=key)).status == 403, path


async def test_J98_names_of_keys_and_who_changed_what_are_for_those_who_manage(client: Client, world: World) -> None:
    base = f"/v1/businesses/{world.slug}"
    made = await client.post(f"{base}/api-keys", json={"name": "Reader", "scopes": ["read"]}, headers=world.auth)
    key = {"Authorization": f"Bearer {(await made.json())['key']}"}

    assert [(await client.get(f"{base}/{path}", headers=key)).status for path in ("api-keys", "audit")] == [403, 403]
    assert (await client.get(f"{base}/customers", headers=key)).status == 200


async def test_J98_a_key_ends_and_makes_none_that_lasts_longer(client: Client, world: World) -> None:
    base, soon = f"/v1/businesses/{world.slug}", "2035-01-01T00:00:00Z"
    draft = {"name": "For a while", "scopes": ["manage"], "expires_at": soon}
    first = await (await client.post(f"{base}/api-keys", json=draft, headers=world.auth)).json()
    auth = {"Authorization": f"Bearer {first['key']}"}

    lasting = await client.post(f"{base}/api-keys", json={"name": "For ever", "scopes": ["read"]}, headers=auth)
    before = (await client.get(f"{base}/settings", headers=auth)).status
    await world.sql(
        "UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE business_id = $1 AND prefix = $2",
        world.business_id,
        first["prefix"],
    )
    after = (await client.get(f"{base}/settings", headers=auth)).status

    assert first["expires_at"] == soon
    assert (await lasting.json())["expires_at"] == soon
    assert (before, after) == (200, 401)


async def test_M123_a_key_that_may_not_book_is_a_stranger_when_it_does(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    await world.sql("UPDATE businesses SET guard = 'proof' WHERE id = $1", world.business_id)
    client = await open_limited(database_url, aiohttp_client)
    made = await client.post(
        f"/v1/businesses/{world.slug}/api-keys", json={"name": "Site", "scopes": ["read"]}, headers=world.auth
    )
    key = {"Authorization": f"Bearer {(await made.json())['key']}"}

    booked = await client.post(
        f"/v1/businesses/{world.slug}/appointments", json=world.order_json(world.at(10)), headers=key
    )

    assert booked.status == 403
