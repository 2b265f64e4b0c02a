"""Proves rows of section M about undoing abuse: whom a business keeps out, and cancelling what they have booked."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.domain.blocks import blocked_domain, blocked_network
from server.usecases.dispatch import dispatch
from tests.faults.test_m_quotas import DAY, MANY, fill, open_shop, try_book, try_hold, try_wait
from tests.world import World

Client = TestClient[Any, Any]
OpenClient = Callable[..., Awaitable[Client]]
THERE = {"X-Forwarded-For": "2001:db8:1:2::1"}
ELSEWHERE = {"X-Forwarded-For": "198.51.100.1"}


async def block(client: Client, world: World, kind: str, value: str, **more: Any) -> tuple[int, dict[str, Any]]:
    answer = await client.post(
        f"/v1/businesses/{world.slug}/blocks", json={"kind": kind, "value": value, **more}, headers=world.auth
    )
    return answer.status, await answer.json()


@pytest.fixture
async def client(database_url: str, aiohttp_client: OpenClient) -> Client:
    return await open_shop(database_url, aiohttp_client, **MANY)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("address", "Bot@Spam.example"),
        ("domain", "@spam.example"),
        ("domain", "example"),
        ("phone", "+4930123456"),
        ("network", "2001:db8:1:2::99"),
        ("network", "2001:db8:1::/48"),
    ],
)
async def test_M122_J106_who_is_blocked_can_book_nothing_online(
    client: Client, world: World, kind: str, value: str
) -> None:
    customer = {**world.order_json(world.at(9))["customer"], "email": "bot@spam.example", "phone": "+4930123456"}
    if (kind, value) == ("domain", "example"):
        status, problem = await block(client, world, kind, value)
        assert (status, problem["errors"][0]["pointer"]) == (422, "/value")  # all of a top-level domain is a slip
        return
    status, made = await block(client, world, kind, value, reason="floods us")
    assert status == 201, made

    order = world.order_json(world.at(9), customer=customer)
    refused = await client.post(f"/v1/businesses/{world.slug}/appointments", json=order, headers=THERE)
    body = await refused.json()

    assert (refused.status, body["type"]) == (409, "/problems/not-bookable-online")
    assert "floods us" not in str(body)
    assert kind != "network" or await try_hold(client, world, DAY[0], THERE) == 409
    assert await try_book(client, world, DAY[0], ELSEWHERE) == 201
    assert await try_book(client, world, DAY[1], {**THERE, **world.auth}, customer=customer) == 201


async def test_M122_who_is_blocked_joins_no_waitlist(client: Client, world: World) -> None:
    await fill(world)
    assert await try_wait(client, world, DAY[0], THERE) == 201
    await block(client, world, "network", "2001:db8:1:2::/64")
    assert await try_wait(client, world, DAY[0], THERE) == 409
    assert await try_wait(client, world, DAY[0], ELSEWHERE) == 201


async def test_M122_a_block_ends_by_itself_or_by_hand_and_the_log_says_who_made_it(
    client: Client, world: World
) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0).isoformat()
    status, made = await block(client, world, "network", "2001:db8:1:2::1", ends_at=soon)
    assert (status, made["value"]) == (201, "2001:db8:1:2::/64")
    assert (await block(client, world, "network", "2001:db8:1:2::/64"))[0] == 409

    assert await try_hold(client, world, DAY[0], THERE) == 409
    await world.sql("UPDATE blocks SET ends_at = clock_timestamp() WHERE business_id = $1", world.business_id)
    assert await try_hold(client, world, DAY[0], THERE) == 201

    path = f"/v1/businesses/{world.slug}/blocks"
    assert [each["id"] for each in (await (await client.get(path, headers=world.auth)).json())["items"]] == [made["id"]]
    assert (await client.delete(f"{path}/{made['id']}", headers=world.auth)).status == 204
    audit = await (await client.get(f"/v1/businesses/{world.slug}/audit", headers=world.auth)).json()
    assert [(each["action"], each["subject"]) for each in audit["items"]][:2] == [
        ("deleted", "block"),
        ("created", "block"),
    ]


def burst_of(**more: Any) -> dict[str, Any]:
    now = datetime.now(UTC).replace(microsecond=0)
    since, until = now - timedelta(hours=1), now + timedelta(minutes=1)
    return {"since": since.isoformat(), "until": until.isoformat(), **more}


async def test_M122_J106_a_burst_of_one_source_is_cancelled_in_pages_and_nobody_else_s(
    client: Client, world: World
) -> None:
    for at in DAY[:5]:
        assert await try_book(client, world, at, THERE) == 201
    assert await try_hold(client, world, DAY[6], THERE) == 201
    assert await try_book(client, world, DAY[7], ELSEWHERE) == 201
    path = f"/v1/businesses/{world.slug}/appointments/cancel-burst"
    order = burst_of(network="2001:db8:1:2::1", limit=3)

    looked = await (await client.post(path, json=order, headers=world.auth)).json()
    assert (looked["dry_run"], len(looked["items"]), looked["let_go"]) == (True, 3, 0)
    assert {each["network"] for each in looked["items"]} == {"2001:db8:1:2::/64"}

    order["dry_run"] = False
    first = await (await client.post(path, json=order, headers=world.auth)).json()
    second = await (await client.post(path, json={**order, "cursor": first["next_cursor"]}, headers=world.auth)).json()
    assert [each["cancelled"] for each in first["items"] + second["items"]] == [True] * 5
    assert (first["let_go"], second["let_go"], second["next_cursor"]) == (1, 0, None)

    left = await world.sql(
        "SELECT starts_at FROM appointments WHERE business_id = $1 AND status = 'confirmed'", world.business_id
    )
    assert [row["starts_at"] for row in left] == [world.at(*DAY[7])]
    assert await world.misclaimed() == []


@pytest.mark.parametrize("tell", [False, True])
async def test_M122_a_burst_is_cancelled_without_mails_unless_they_are_wanted(
    database_url: str, aiohttp_client: OpenClient, own_world: World, own_database_url: str, tell: bool
) -> None:
    await own_world.service()
    client = await open_shop(own_database_url, aiohttp_client, **MANY)
    for at in DAY[:3]:
        await try_book(client, own_world, at, THERE)
    while await dispatch(own_world.core):
        pass
    path = f"/v1/businesses/{own_world.slug}/appointments/cancel-burst"
    order = burst_of(domain="example.com", dry_run=False, tell=tell)
    answer = await client.post(path, json=order, headers=own_world.auth)
    assert answer.status == 200, await answer.text()
    while await dispatch(own_world.core):
        pass
    mails = await own_world.sql("SELECT count(*) FROM deliveries WHERE channel = 'mail' AND message = 'cancelled'")
    assert mails[0][0] == (3 if tell else 0)


async def test_M122_a_burst_leaves_the_others_of_a_class_and_confirmed_customers(client: Client, world: World) -> None:
    await world.service("yoga", capacity=5)
    assert await try_book(client, world, DAY[0], THERE, service="yoga") == 201
    assert await try_book(client, world, DAY[0], ELSEWHERE, service="yoga") == 201
    assert await try_book(client, world, DAY[5], THERE) == 201
    await world.sql(
        "UPDATE attendees t SET proved_at = now() FROM appointments a WHERE a.business_id = t.business_id"
        " AND a.id = t.appointment_id AND a.business_id = $1 AND a.starts_at = $2",
        world.business_id,
        world.at(*DAY[5]),
    )
    path = f"/v1/businesses/{world.slug}/appointments/cancel-burst"
    order = burst_of(network="2001:db8:1:2::/64", dry_run=False)
    answer = await (await client.post(path, json=order, headers=world.auth)).json()
    assert [(each["service"], each["cancelled"]) for each in answer["items"]] == [("yoga", True)]
    rows = await world.sql(
        "SELECT status, seats_taken FROM appointments WHERE business_id = $1 ORDER BY starts_at", world.business_id
    )
    assert [(row["status"], row["seats_taken"]) for row in rows] == [("confirmed", 1), ("confirmed", 1)]


@pytest.mark.parametrize("source", [{"network": "2001:db8:1:2::/64"}, {"domain": "example.com"}])
async def test_M122_a_burst_leaves_no_link_that_books(
    own_database_url: str, aiohttp_client: OpenClient, own_world: World, source: dict[str, str]
) -> None:
    await own_world.service()
    await own_world.sql("UPDATE businesses SET guard = 'mail'")
    client = await open_shop(own_database_url, aiohttp_client, **MANY)
    assert await try_book(client, own_world, DAY[0], THERE) == 201
    vault = own_world.core.vault
    (row,) = await own_world.sql("SELECT token_salt, token_hash FROM confirmations")
    link = f"/confirm/{vault.confirm_token(row['token_salt'], row['token_hash'])}"
    assert (await client.get(link)).status == 200

    path = f"/v1/businesses/{own_world.slug}/appointments/cancel-burst"
    answer = await client.post(path, json=burst_of(dry_run=False, **source), headers=own_world.auth)

    assert (await answer.json())["let_go"] == 1
    assert (await client.post(link, allow_redirects=False)).status == 404
    assert await own_world.sql("SELECT FROM appointments") == []
    assert await try_book(client, own_world, DAY[0], own_world.auth) == 201


async def test_M122_a_burst_gives_back_the_time_of_a_class_that_was_only_held(client: Client, world: World) -> None:
    await world.service("yoga", capacity=5)
    assert await try_hold(client, world, DAY[0], THERE, service="yoga") == 201
    assert await try_book(client, world, DAY[0], world.auth) == 409

    path = f"/v1/businesses/{world.slug}/appointments/cancel-burst"
    order = burst_of(network="2001:db8:1:2::/64", dry_run=False)
    answer = await (await client.post(path, json=order, headers=world.auth)).json()

    assert answer["let_go"] == 1
    assert await try_book(client, world, DAY[0], world.auth) == 201
    assert await world.misclaimed() == []


async def test_M122_a_burst_begins_and_ends_with_the_moments_that_answers_write(client: Client, world: World) -> None:
    assert await try_book(client, world, DAY[0], THERE) == 201
    path = f"/v1/businesses/{world.slug}/appointments/cancel-burst"
    network = {"network": "2001:db8:1:2::/64"}
    seen = await (await client.post(path, json=burst_of(**network), headers=world.auth)).json()
    booked_at = seen["items"][0]["booked_at"]
    assert datetime.fromisoformat(booked_at).microsecond

    order = {"since": booked_at, "until": booked_at, **network}
    found = await client.post(path, json=order, headers=world.auth)

    assert found.status == 200, await found.text()
    assert len((await found.json())["items"]) == 1


async def test_M122_a_burst_without_a_source_is_refused(client: Client, world: World) -> None:
    path = f"/v1/businesses/{world.slug}/appointments/cancel-burst"
    answer = await client.post(path, json=burst_of(), headers=world.auth)
    assert answer.status == 422
    assert "address, domain or phone" in (await answer.json())["errors"][0]["detail"]


def test_M122_blocks_are_written_as_strangers_are_counted() -> None:
    assert blocked_network("203.0.113.7") == "203.0.113.7/32"
    assert blocked_network("::ffff:203.0.113.7") == "203.0.113.7/32"
    assert blocked_network("2001:db8::1/128") == "2001:db8::/64"
    assert blocked_network("2001:db8:1::/48") == "2001:db8:1::/48"
    assert blocked_domain(" @Spam.Example. ") == "spam.example"
    for slip in ("0.0.0.0/0", "::/0", "::ffff:0:0/96", "not a network"):
        with pytest.raises(ValueError, match="must be"):
            blocked_network(slip)
