"""Making, changing, rotating and taking back feeds: who may, what is noted, and what two at once come to."""

import asyncio
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.embedded.demo import seed_demo
from server.store.engine import standalone
from server.tokens import Vault, token_hash
from tests.integration.test_feeds import make, read
from tests.world import SECRET, World

Client = TestClient[Any, Any]


def feeds_of(world: World) -> str:
    return f"/v1/businesses/{world.slug}/feeds"


async def living_tokens(world: World) -> int:
    rows = await world.sql(
        "SELECT count(*) FROM feed_tokens WHERE business_id = $1 AND retired_at IS NULL", world.business_id
    )
    return int(rows[0][0])


async def test_a_feed_is_made_once_however_often_it_is_asked_for(client: Client, world: World) -> None:
    headers = {**world.auth, "Idempotency-Key": "the-same"}
    body = {"name": "Anna", "provider": "anna"}
    first, again = [await client.post(feeds_of(world), json=body, headers=headers) for _ in range(2)]
    assert (first.status, again.status) == (201, 201)
    assert await first.json() == await again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.headers["Location"] == f"{feeds_of(world)}/{(await first.json())['id']}"
    assert await living_tokens(world) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "x", "provider": "nobody"}, 404),
        ({"name": "x", "service": "nothing"}, 404),
        ({"name": "x", "location": "nowhere"}, 404),
        ({"name": "x", "provider": "anna", "service": "cut"}, 422),
        ({"name": "x", "privacy": "none"}, 422),
        ({"name": "x", "colour": "#ff0000"}, 422),
        ({"name": "x", "customer": "robin"}, 422),
        ({"name": ""}, 422),
    ],
)
async def test_what_no_feed_can_be_of_is_refused(
    client: Client, world: World, body: dict[str, str], status: int
) -> None:
    response = await client.post(feeds_of(world), json=body, headers=world.auth)
    assert response.status == status
    assert await living_tokens(world) == 0


async def test_who_did_what_is_noted_and_no_token_with_it(client: Client, world: World) -> None:
    feed = await make(client, world)
    one = f"{feeds_of(world)}/{feed['id']}"
    await client.patch(one, json={"colour": "teal"}, headers=world.auth)
    await client.patch(one, json={"colour": "teal"}, headers=world.auth)
    rotated = await (await client.post(f"{one}/rotate", headers=world.auth)).json()
    await client.delete(one, headers=world.auth)
    rows = await world.sql(
        "SELECT action, actor, subject_key, changes::text FROM audit_entries"
        " WHERE business_id = $1 AND subject = 'feed' ORDER BY id",
        world.business_id,
    )
    assert [row["action"] for row in rows] == ["created", "changed", "rotated", "revoked"]
    assert {row["subject_key"] for row in rows} == {feed["id"]}
    assert all(row["actor"].startswith("key:") for row in rows)
    for secret in (feed, rotated):
        assert secret["urls"]["appointments"].split("/")[-2] not in str([tuple(row) for row in rows])


async def test_what_was_taken_back_cannot_be_changed_and_stays_in_the_list(client: Client, world: World) -> None:
    feed = await make(client, world)
    one = f"{feeds_of(world)}/{feed['id']}"
    assert (await client.delete(one, headers=world.auth)).status == 204
    assert (await client.delete(one, headers=world.auth)).status == 404
    assert (await client.patch(one, json={"name": "y"}, headers=world.auth)).status == 404
    assert (await client.post(f"{one}/rotate", headers=world.auth)).status == 404
    listed = await (await client.get(feeds_of(world), headers=world.auth)).json()
    assert listed["items"][0]["revoked_at"] is not None
    assert listed["items"][0]["hint"] == ""


async def test_the_list_goes_on_where_it_ended_and_has_no_feed_of_a_customer(client: Client, world: World) -> None:
    booked = await world.book(world.at(10))
    for name in ("a", "b", "c"):
        await make(client, world, name=name)
        await client.post(f"/v1/appointments/{booked.manage_token}/feed")
    first = await (await client.get(feeds_of(world), params={"limit": "2"}, headers=world.auth)).json()
    params = {"limit": "2", "cursor": first["next_cursor"]}
    second = await (await client.get(feeds_of(world), params=params, headers=world.auth)).json()
    assert [item["name"] for item in first["items"] + second["items"]] == ["a", "b", "c"]
    assert second["next_cursor"] is None


async def test_of_two_rotations_at_once_one_address_is_left(client: Client, world: World) -> None:
    feed = await make(client, world)
    path = f"{feeds_of(world)}/{feed['id']}/rotate"
    answers = await asyncio.gather(*(client.post(path, headers=world.auth) for _ in range(8)))
    assert {answer.status for answer in answers} == {200}
    assert await living_tokens(world) == 1
    paths = ["/" + (await answer.json())["urls"]["appointments"].split("/", 3)[3] for answer in answers]
    statuses = [(await read(client, path))[0].status for path in paths]
    assert sorted(statuses) == [200, *[410] * 7]


async def test_a_customer_who_asks_twice_at_once_has_one_feed(client: Client, world: World) -> None:
    booked = await world.book(world.at(10))
    path = f"/v1/appointments/{booked.manage_token}/feed"
    answers = await asyncio.gather(*(client.post(path) for _ in range(6)))
    assert {answer.status for answer in answers} == {202}
    rows = await world.sql("SELECT count(*) FROM feeds WHERE business_id = $1", world.business_id)
    assert (rows[0][0], await living_tokens(world)) == (1, 1)


async def test_a_customer_s_feed_needs_their_manage_token(client: Client, world: World) -> None:
    assert (await client.post(f"/v1/appointments/{'x' * 32}/feed")).status == 404


async def test_the_picture_is_of_the_address_to_subscribe_to(client: Client, world: World) -> None:
    feed = await make(client, world)
    other = await make(client, world)
    assert feed["qr_svg"].startswith("<svg ")
    assert feed["qr_svg"] != other["qr_svg"]
    assert "script" not in feed["qr_svg"]


@pytest.mark.parametrize("way", ["rotate", "delete", "privacy"])
async def test_what_was_polled_a_moment_ago_is_over_at_once(client: Client, world: World, way: str) -> None:
    """Even for who has the newest file: 304 is answered from memory, and must not outlive the feed."""
    feed = await make(client, world)
    path, one = feed["paths"]["appointments"], f"{feeds_of(world)}/{feed['id']}"
    tag = (await read(client, path))[0].headers["ETag"]
    assert (await read(client, path, **{"If-None-Match": tag}))[0].status == 304
    if way == "rotate":
        await client.post(f"{one}/rotate", headers=world.auth)
    elif way == "delete":
        await client.delete(one, headers=world.auth)
    else:
        await client.patch(one, json={"privacy": "busy"}, headers=world.auth)
    after, _ = await read(client, path, **{"If-None-Match": tag})
    assert after.status == (200 if way == "privacy" else 410)


async def test_j95_a_feed_of_another_business_is_as_unknown_as_none(client: Client, world: World) -> None:
    feed = await make(client, world)
    other = await World.make(world.core)
    one = f"{feeds_of(other)}/{feed['id']}"
    answers = [
        await client.patch(one, json={"name": "mine"}, headers=other.auth),
        await client.post(f"{one}/rotate", headers=other.auth),
        await client.delete(one, headers=other.auth),
    ]
    assert [answer.status for answer in answers] == [404, 404, 404]
    listed = await (await client.get(feeds_of(other), headers=other.auth)).json()
    assert listed["items"] == []
    assert (await read(client, feed["paths"]["appointments"]))[0].status == 200
    foreign = await client.post(feeds_of(other), json={"name": "x", "provider": "anna"}, headers=other.auth)
    assert foreign.status == 404


async def test_the_demo_keeps_the_addresses_of_its_feeds_and_replaces_one_that_is_over(own_database_url: str) -> None:
    first = (await seed_demo(own_database_url, Vault([SECRET]), None)).providers
    again = (await seed_demo(own_database_url, Vault([SECRET]), None, first)).providers
    assert first == again
    slug, token = next(iter(first.items()))
    async with standalone(own_database_url) as session:
        await session.execute(
            "UPDATE feed_tokens SET retired_at = now() WHERE token_hash = $1 AND retired_at IS NULL", token_hash(token)
        )
    third = (await seed_demo(own_database_url, Vault([SECRET]), None, first)).providers
    assert third[slug] != token
    assert {k: v for k, v in third.items() if k != slug} == {k: v for k, v in first.items() if k != slug}
