"""Sections B27, I, J and L of the matrix: hostile requests."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.settings import HttpSettings
from server.web.api import places
from server.web.client_address import client_address
from tests.world import World, settings_for

Client = TestClient[Any, Any]
OpenClient = Callable[..., Awaitable[Client]]
NASTY: list[Any] = [
    *("\0", "a\0b", "\ud800", "x" * 20_000, "\u202e", "<script>alert(1)</script>\r\nBcc: x@example.com"),
    *(2**63, -(2**63) - 1, 10**400, -1, 0, 1.5, True, False, None, [], {}, [[]], {"a": {"b": {}}}),
]


async def answer(client: Client, world: World, body: bytes | str, **headers: str) -> tuple[int, dict[str, Any]]:
    """The answer to a raw booking."""
    response = await client.post(
        f"/v1/businesses/{world.slug}/appointments",
        data=body,
        headers={"Content-Type": "application/json", **headers},
    )
    return response.status, json.loads(await response.text())


@pytest.mark.parametrize("field", ["service", "provider", "location", "start", "customer", "answers", "hold"])
async def test_B27_no_value_of_any_field_is_a_500(client: Client, world: World, field: str) -> None:
    for value in NASTY:
        order = {**world.order_json(world.at(10)), field: value}
        status, problem = await answer(client, world, json.dumps(order))
        assert status in {404, 422} or (status in {201, 409} and value in (None, {})), (field, value, problem)


@pytest.mark.parametrize("field", ["name", "email", "phone", "timezone", "locale"])
async def test_B27_no_value_of_any_field_of_a_customer_is_a_500(client: Client, world: World, field: str) -> None:
    for value in NASTY:
        order = world.order_json(world.at(10))
        order["customer"][field] = value
        status, problem = await answer(client, world, json.dumps(order))
        assert status in {201, 409, 422}, (field, value, problem)


@pytest.mark.parametrize(
    "body",
    [
        *(
            "",
            "null",
            "[]",
            "{",
            '{"a":NaN}',
            '{"start":Infinity}',
            "[" * 50_000,
            '{"a":' * 20_000,
            "\xff\xfe",
            "1e999",
        ),
        *('"text"', "{}", '{"service":"cut"}'),
    ],
)
async def test_B27_I86_a_body_that_is_no_booking_is_refused(client: Client, world: World, body: str) -> None:
    status, problem = await answer(client, world, body.encode("latin-1"))

    assert status in {413, 422}
    assert problem["request_id"]


@pytest.mark.parametrize(
    "slug", ["%00", "a%00", "..", "%2e%2e%2fetc", "A", "x" * 64, "%F0%9F%92%A9", "'; DROP TABLE claims"]
)
async def test_B27_a_path_that_names_no_business_is_a_404(client: Client, slug: str) -> None:
    for path in (f"/v1/businesses/{slug}", f"/v1/businesses/{slug}/availability?service=cut"):
        response = await client.get(path, headers={"Origin": "https://example.com"})
        assert response.status == 404, await response.text()


@pytest.mark.parametrize(
    "extra",
    [
        {"price_minor": 1},
        {"end": "2026-12-01T10:00:00Z"},
        {"status": "confirmed"},
        {"business_id": 1},
        {"id": 7},
        {"role": "admin"},
    ],
)
async def test_I84_I85_what_only_the_server_decides_cannot_be_sent(
    client: Client, world: World, extra: dict[str, Any]
) -> None:
    status, problem = await answer(client, world, json.dumps({**world.order_json(world.at(10)), **extra}))

    assert status == 422
    assert problem["errors"][0]["pointer"] == "/" + next(iter(extra))


async def test_I84_the_price_is_the_server_s(client: Client, world: World) -> None:
    await world.service("dear", providers=["anna"], price_minor=9900)

    _, booked = await answer(client, world, json.dumps(world.order_json(world.at(10), service="dear")))

    assert booked["terms"]["price_minor"] == 9900


async def test_I86_a_body_over_the_limit_is_a_413(client: Client, world: World) -> None:
    status, problem = await answer(client, world, b'{"a":"' + b"x" * 100_000 + b'"}')

    assert (status, problem["type"]) == (413, "/problems/too-large")


async def test_I86_a_body_that_never_ends_is_cut_off(
    settings: Any, aiohttp_server: Callable[..., Awaitable[Any]], world: World
) -> None:
    server = await aiohttp_server(build_app(settings))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        f"POST /v1/businesses/{world.slug}/appointments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n".encode()
    )

    async def pour() -> None:
        while True:
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            await writer.drain()

    pouring = asyncio.create_task(pour())
    line = await asyncio.wait_for(reader.readline(), 10)
    pouring.cancel()
    await asyncio.gather(pouring, return_exceptions=True)
    writer.close()

    assert b" 413 " in line


async def test_I86_a_header_that_is_too_long_is_a_400(client: Client) -> None:
    response = await client.get("/healthz", headers={"X-Long": "x" * 20_000})

    assert response.status == 400


async def test_I87_a_query_is_a_question_and_not_sql(client: Client, world: World) -> None:
    response = await client.get(
        f"/v1/businesses/{world.slug}/appointments",
        params={"sort": "id; DROP TABLE claims", "status": "' OR 1=1"},
        headers=world.auth,
    )

    assert response.status == 422


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("1.2.3.4, 203.0.113.7", "203.0.113.7"),
        ("nonsense", "127.0.0.1"),
        ("1.2.3.4, 127.0.0.1", "1.2.3.4"),
        (None, "127.0.0.1"),
    ],
)
async def test_I92_J103_only_a_trusted_proxy_s_word_counts(
    database_url: str, aiohttp_client: OpenClient, forwarded: str | None, address: str
) -> None:
    settings = settings_for(database_url, http=HttpSettings(trusted_proxies="127.0.0.0/8"))
    app = build_app(settings)
    seen: list[str] = []

    async def handler(request: Any) -> Any:
        seen.append(client_address(request, settings.http.trusted_proxies))
        seen.append(client_address(request, ()))
        return web.Response()

    app.router.add_get("/seen", handler)
    client = await aiohttp_client(app)

    await client.get("/seen", headers={"X-Forwarded-For": forwarded} if forwarded else {})

    assert seen == [address, "127.0.0.1"]


async def test_I92_links_are_built_from_the_settings_whatever_the_host_header_says(
    client: Client, world: World
) -> None:
    _, booked = await answer(client, world, json.dumps(world.order_json(world.at(10))), Host="evil.example.com")

    assert "evil" not in json.dumps(booked)
    assert booked["manage_url"].startswith("http://127.0.0.1:8080/")


async def test_I93_a_read_changes_nothing_and_other_methods_are_refused(client: Client, world: World) -> None:
    booked = await world.book(world.at(10))
    place = f"/v1/appointments/{booked.manage_token}"

    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        response = await client.request(method, f"{place}/cancel", headers={"X-HTTP-Method-Override": "POST"})
        assert (response.status, response.headers["Allow"]) == (405, "OPTIONS,POST")

    assert (await (await client.get(place)).json())["status"] == "confirmed"


async def test_I94_an_unexpected_error_tells_nothing_but_its_id(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def explode(*_: object) -> None:
        raise RuntimeError("SELECT secret FROM vault")

    monkeypatch.setattr(places, "view", explode)
    response = await client.get("/v1/appointments/" + "x" * 32)
    text = await response.text()

    assert response.status == 500
    assert response.content_type == "application/problem+json"
    assert response.headers["X-Request-Id"] in text
    assert "vault" not in text
    assert "Traceback" not in text
    assert "RuntimeError" not in text


@pytest.mark.parametrize("token", ["x" * 32, "x", "%00", "a" * 5_000])
async def test_J98_an_unknown_token_is_a_404_whatever_it_looks_like(client: Client, token: str) -> None:
    for method, path in (("GET", ""), ("POST", "/cancel"), ("GET", "/invite.ics")):
        response = await client.request(method, f"/v1/appointments/{token}{path}")
        assert response.status == 404


async def test_J98_tokens_are_long_random_and_stored_as_hashes(world: World) -> None:
    tokens = [(await world.book(world.at(9 + n))).manage_token for n in range(4)]
    held = await world.hold(world.at(15))

    dump = str(await world.sql("SELECT t.*, h.* FROM attendees t, holds h WHERE t.business_id = $1", world.business_id))

    assert len({token[:8] for token in tokens}) == 4
    assert all(len(token) == 32 for token in (*tokens, held.token))
    assert not any(token in dump for token in (*tokens, held.token))


async def test_J99_a_token_opens_its_own_appointment_also_after_it_was_cancelled(client: Client, world: World) -> None:
    one, two = await world.book(world.at(10)), await world.book(world.at(11))
    await client.post(f"/v1/appointments/{one.manage_token}/cancel")

    first = await (await client.get(f"/v1/appointments/{one.manage_token}")).json()
    second = await (await client.get(f"/v1/appointments/{two.manage_token}")).json()
    moved = await client.post(
        f"/v1/appointments/{one.manage_token}/reschedule", json={"start": world.at(14).isoformat()}
    )

    assert (first["status"], first["policy"]["can_cancel"], second["status"]) == ("cancelled", False, "confirmed")
    assert moved.status == 409


@pytest.mark.parametrize(
    ("origin", "granted"),
    [
        ("https://shop.example.com", True),
        ("https://shop.example.com.evil.org", False),
        ("https://evil-shop.example.com", False),
        ("http://shop.example.com", False),
        ("https://shop.example.com:8443", False),
        ("null", False),
    ],
)
async def test_L112_only_a_listed_origin_is_let_in(client: Client, world: World, origin: str, granted: bool) -> None:
    await world.sql(
        "UPDATE businesses SET allowed_origins = '{https://shop.example.com}' WHERE id = $1", world.business_id
    )
    url = f"/v1/businesses/{world.slug}/availability?service=cut"

    read = await client.get(url, headers={"Origin": origin})
    asked = await client.options(url, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})

    expected = origin if granted else None
    assert [r.headers.get("Access-Control-Allow-Origin") for r in (read, asked)] == [expected] * 2
    assert all("Origin" in r.headers["Vary"] for r in (read, asked))
    assert "Access-Control-Allow-Credentials" not in read.headers


async def test_L112_a_site_may_read_that_a_hold_was_let_go_whoever_answered_before(
    client: Client, world: World
) -> None:
    site = {"Origin": "https://shop.example.com"}
    await world.sql(
        "UPDATE businesses SET allowed_origins = '{https://shop.example.com}' WHERE id = $1", world.business_id
    )
    held = await world.hold(world.at(10))

    gone = await client.delete(f"/v1/holds/{held.token}", headers=site)

    assert gone.status == 204
    assert gone.headers["Access-Control-Allow-Origin"] == site["Origin"]
