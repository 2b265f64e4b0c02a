"""Proves rows of section M about appetite: what one stranger can take of a business, however they ask."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.domain.lifecycle import Actor
from server.settings import BookingSettings, HttpSettings, LimitSettings
from server.store.payments import prolong_hold
from server.tokens import token_hash
from server.usecases.offer_freed import offer_freed
from server.usecases.prove_address import prove_attendee
from server.usecases.sweep import sweep
from tests.world import World, settings_for

Client = TestClient[Any, Any]
OpenClient = Callable[..., Awaitable[Client]]
MANY = {"starts_per_network": 1000, "bookings_per_network_day": 1000, "bookings_per_address": 1000}
DAY = [(hour, minute) for hour in range(9, 17) for minute in (0, 30)]
"""All sixteen starts of a provider's day."""


async def open_shop(database_url: str, aiohttp_client: OpenClient, **booking: Any) -> Client:
    """The web application behind a proxy, with quotas as the settings say; the rate limit is not what is looked at."""
    settings = settings_for(
        database_url,
        http=HttpSettings(trusted_proxies="127.0.0.0/8"),
        limit=LimitSettings(write_per_ip="100000/minute"),
        booking=BookingSettings(**booking),
    )
    return await aiohttp_client(build_app(settings))


def within(network: str) -> Iterator[dict[str, str]]:
    """Headers of one address after another in an IPv6 network, given as its leading groups."""
    return ({"X-Forwarded-For": f"{network}{n:x}"} for n in itertools.count(1))


async def try_hold(client: Client, world: World, at: tuple[int, int], headers: dict[str, str], **more: Any) -> int:
    body = {"service": "cut", "provider": "anna", "start": world.at(*at).isoformat(), **more}
    return (await client.post(f"/v1/businesses/{world.slug}/holds", json=body, headers=headers)).status


async def try_book(client: Client, world: World, at: tuple[int, int], headers: dict[str, str], **more: Any) -> int:
    order = world.order_json(world.at(*at), **more)
    return (await client.post(f"/v1/businesses/{world.slug}/appointments", json=order, headers=headers)).status


async def try_wait(client: Client, world: World, at: tuple[int, int], headers: dict[str, str]) -> int:
    day = world.at(*at).date().isoformat()
    customer = world.order_json(world.at(*at))["customer"]
    body = {"service": "cut", "provider": "anna", "from": day, "to": day, "customer": customer}
    return (await client.post(f"/v1/businesses/{world.slug}/waitlist", json=body, headers=headers)).status


def customer_of(world: World, email: str) -> dict[str, Any]:
    """Somebody who says that this is their address."""
    return {**world.order_json(world.at(9))["customer"], "email": email}


async def fill(world: World) -> None:
    """All of the day is booked, by staff."""
    for at in DAY:
        await world.book(world.at(*at), actor=Actor.PROVIDER)


async def taken(world: World) -> int:
    """Starts of the provider's day that nobody else can have."""
    rows = await world.sql(
        "SELECT count(*) FROM claims WHERE business_id = $1 AND (expires_at IS NULL OR expires_at > clock_timestamp())",
        world.business_id,
    )
    return int(rows[0][0])


async def flood(client: Client, world: World, kind: str, network: str) -> list[int]:
    """One attempt at each start of the day by each of the ways to take time in *kind*, each from another address."""
    ways = {"hold": try_hold, "book": try_book}
    asked = within(network)
    return [await ways[way](client, world, at, next(asked)) for at in DAY for way in kind.split("+")]


@pytest.mark.parametrize("kind", ["hold", "book", "hold+book"])
async def test_M122_J106_one_network_takes_three_starts_of_a_day_whatever_it_tries(
    database_url: str, aiohttp_client: OpenClient, world: World, kind: str
) -> None:
    client = await open_shop(database_url, aiohttp_client)

    statuses = await flood(client, world, kind, "2001:db8:1:2::")

    assert await taken(world) == 3
    assert statuses[:3] == [201, 201, 201] or kind == "hold+book"
    assert set(statuses) <= {201, 409, 429}
    assert 429 in statuses


async def test_M122_whoever_waits_often_is_offered_three_times_at_once(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    """What is offered from the waitlist is held, and counts like every other time of the network."""
    client = await open_shop(database_url, aiohttp_client, waiting_per_network=1000)
    await fill(world)
    asked = within("2001:db8:1:2::")
    assert [await try_wait(client, world, at, next(asked)) for at in DAY] == [201] * len(DAY)
    await world.sql("DELETE FROM claims WHERE business_id = $1", world.business_id)
    await world.sql("UPDATE appointments SET status = 'cancelled' WHERE business_id = $1", world.business_id)

    await offer_freed(world.core, world.business_id)

    assert await taken(world) == 3


async def test_M122_without_quotas_the_same_flood_takes_the_whole_day(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    """What the figures of before were measured with: the flood is one."""
    client = await open_shop(database_url, aiohttp_client, **MANY)
    await flood(client, world, "hold", "2001:db8:1:2::")
    assert await taken(world) == len(DAY)


async def test_M122_a_site_with_many_networks_has_eight_times_as_much_and_no_more(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    client = await open_shop(database_url, aiohttp_client, starts_per_network=1)
    statuses = [
        await try_hold(client, world, at, {"X-Forwarded-For": f"2001:db8:1:{n:x}::1"}) for n, at in enumerate(DAY)
    ]
    assert statuses == [201] * 8 + [429] * 8


async def test_M122_of_many_networks_of_a_site_that_ask_at_once_eight_get_a_time(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    """Each asks for another day, so that nothing but what the site has keeps them apart."""
    client = await open_shop(database_url, aiohttp_client, starts_per_network=1)

    async def ask(n: int) -> int:
        start = world.at(10, days=7 + n).isoformat()
        headers = {"X-Forwarded-For": f"2001:db8:1:{n:x}::1"}
        return await try_hold(client, world, DAY[0], headers, start=start)

    statuses = await asyncio.gather(*(ask(n) for n in range(16)))
    assert sorted(statuses) == [201] * 8 + [429] * 8


async def test_M122_ipv4_addresses_count_each_alone(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    client = await open_shop(database_url, aiohttp_client)
    statuses = [
        await try_hold(client, world, at, {"X-Forwarded-For": f"198.51.100.{n // 4}"}) for n, at in enumerate(DAY[:8])
    ]
    assert statuses == [201, 201, 201, 429] * 2


async def test_M122_of_twenty_that_ask_at_once_three_get_a_time(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    client = await open_shop(database_url, aiohttp_client)
    asked = within("2001:db8:1:2::")
    statuses = await asyncio.gather(*(try_hold(client, world, at, next(asked)) for at in DAY))
    assert sorted(statuses) == [201] * 3 + [429] * (len(DAY) - 3)


async def test_M122_the_refusal_says_when_to_come_again_and_not_what_was_counted(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    client = await open_shop(database_url, aiohttp_client)
    asked = within("2001:db8:1:2::")
    for at in DAY[:3]:
        await try_hold(client, world, at, next(asked))
    order = world.order_json(world.at(13))
    refused = await client.post(f"/v1/businesses/{world.slug}/appointments", json=order, headers=next(asked))
    body = await refused.json()
    assert (refused.status, body["type"]) == (429, "/problems/quota-reached")
    assert refused.headers["Retry-After"] == "600"
    assert set(body) == {"type", "title", "status", "detail", "request_id"}


async def test_M122_what_was_let_go_can_be_taken_again_and_a_hold_is_booked_in_its_own_place(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    client = await open_shop(database_url, aiohttp_client)
    asked = within("2001:db8:1:2::")
    holds = []
    for at in DAY[:3]:
        body = {"service": "cut", "provider": "anna", "start": world.at(*at).isoformat()}
        answer = await client.post(f"/v1/businesses/{world.slug}/holds", json=body, headers=next(asked))
        holds.append((await answer.json())["hold"])
    assert await try_book(client, world, DAY[0], next(asked), hold=holds[0]) == 201
    assert await try_hold(client, world, DAY[5], next(asked)) == 429
    await client.delete(f"/v1/holds/{holds[1]}")
    assert await try_hold(client, world, DAY[5], next(asked)) == 201


async def test_M122_a_booking_whose_address_is_proved_does_not_count(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    client = await open_shop(database_url, aiohttp_client)
    asked = within("2001:db8:1:2::")
    for at in DAY[:3]:
        assert await try_book(client, world, at, next(asked)) == 201
    assert await try_book(client, world, DAY[3], next(asked)) == 429
    rows = await world.sql("SELECT token_salt FROM attendees WHERE business_id = $1", world.business_id)
    vault = world.core.vault
    for row in rows:
        salt = row["token_salt"]
        assert await prove_attendee(world.core, vault.new_manage_token(salt), vault.mail_proof(salt))
    assert [await try_book(client, world, at, next(asked)) for at in DAY[3:7]] == [201, 201, 201, 429]


async def test_M122_bookings_of_a_day_are_bounded_until_they_are_proved(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    client = await open_shop(database_url, aiohttp_client, starts_per_network=1000)
    asked = within("2001:db8:1:2::")
    assert [await try_book(client, world, at, next(asked)) for at in DAY[:6]] == [201] * 5 + [429]


async def test_M122_a_network_books_so_often_under_one_address_however_many_days_it_takes(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    client = await open_shop(database_url, aiohttp_client)
    asked, one = within("2001:db8:1:2::"), customer_of(world, "one@example.org")
    statuses = []
    for at in DAY[:6]:
        statuses.append(await try_book(client, world, at, next(asked), customer=one))
        await world.sql(
            "UPDATE attendees SET created_at = created_at - interval '25 hours' WHERE business_id = $1",
            world.business_id,
        )
    assert statuses == [201] * 5 + [429]
    assert await try_book(client, world, DAY[7], next(asked), customer=customer_of(world, "two@example.org")) == 201


@pytest.mark.parametrize("guard", ["open", "mail"])
async def test_M121_bookings_under_an_address_neither_lock_out_its_owner_nor_name_them(
    database_url: str, aiohttp_client: OpenClient, world: World, guard: str
) -> None:
    """What others booked under an address, from anywhere else, changes no answer: not theirs and not its owner's."""
    client = await open_shop(database_url, aiohttp_client)
    home, near, far = within("2001:db8:1:2::"), within("2001:db8:2:2::"), within("2001:db8:3:2::")
    victim, nobody = customer_of(world, "victim@example.org"), customer_of(world, "nobody@example.org")
    assert await try_book(client, world, DAY[0], next(home), customer=victim) == 201

    async def tries(customer: Any, hours: Iterator[tuple[int, int]]) -> list[int]:
        return [
            await try_book(client, world, next(hours), next(network), customer=customer)
            for network in (near, far)
            for _ in range(3)
        ]

    of_victim = await tries(victim, iter(DAY[1:7]))
    await world.sql(
        "UPDATE attendees SET created_at = created_at - interval '25 hours' WHERE business_id = $1", world.business_id
    )
    of_nobody = await tries(nobody, iter(DAY[7:13]))

    assert of_victim == of_nobody == [201] * 6
    await world.sql("UPDATE businesses SET guard = $2 WHERE id = $1", world.business_id, guard)
    assert await try_book(client, world, DAY[14], next(home), customer=victim) == 201


async def test_M122_a_business_sets_its_own_quotas(database_url: str, aiohttp_client: OpenClient, world: World) -> None:
    client = await open_shop(database_url, aiohttp_client)
    patch = {"quotas": {"starts": 1}}
    changed = await client.patch(f"/v1/businesses/{world.slug}", json=patch, headers=world.auth)
    assert (changed.status, (await changed.json())["quotas"]["starts"]) == (200, 1)
    asked = within("2001:db8:1:2::")
    assert [await try_hold(client, world, at, next(asked)) for at in DAY[:2]] == [201, 429]


async def test_M122_staff_and_exempt_networks_are_not_counted(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    client = await open_shop(database_url, aiohttp_client)
    one = {"X-Forwarded-For": "2001:db8:1:2::1"}
    assert [await try_book(client, world, at, {**one, **world.auth}) for at in DAY] == [201] * len(DAY)


async def test_M122_a_hold_is_prolonged_once(world: World) -> None:
    """Beginning to pay again and again keeps no time: the first call sets the end."""
    held = await world.hold(world.at(10))

    async def prolong(seconds: int) -> Any:
        return await world.core.database.transact(lambda s: prolong_hold(s, token_hash(held.token), seconds))

    first = await prolong(1800)
    assert first[1] > held.expires_at
    assert [await prolong(3600), await prolong(7200)] == [first, first]
    rows = await world.sql("SELECT expires_at FROM claims WHERE business_id = $1", world.business_id)
    assert [row["expires_at"] for row in rows] == [first[1]]


async def test_M121_a_limit_per_customer_neither_locks_out_a_customer_nor_names_one(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    """Whoever asks from elsewhere gets the same answer for an address that is known and one that is not."""
    await world.sql("UPDATE services SET per_customer_limit = 1 WHERE business_id = $1", world.business_id)
    client = await open_shop(database_url, aiohttp_client)
    regular = {**world.order_json(world.at(9))["customer"], "email": "regular@example.org"}
    here, there = {"X-Forwarded-For": "2001:db8:1::1"}, {"X-Forwarded-For": "2001:db8:2::1"}

    assert await try_book(client, world, DAY[0], here, customer=regular) == 201
    rows = await world.sql("SELECT token_salt FROM attendees WHERE business_id = $1", world.business_id)
    vault, salt = world.core.vault, rows[0]["token_salt"]
    await prove_attendee(world.core, vault.new_manage_token(salt), vault.mail_proof(salt))

    assert await try_book(client, world, DAY[1], there, customer=regular) == 201
    assert await try_book(client, world, DAY[2], here, customer=regular) == 409


async def test_M121_the_waitlist_counts_networks_and_not_addresses(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    client = await open_shop(database_url, aiohttp_client)
    await fill(world)
    day = world.at(9).date().isoformat()
    customer = {**world.order_json(world.at(9))["customer"], "email": "regular@example.org"}
    body = {"service": "cut", "provider": "anna", "from": day, "to": day, "customer": customer}

    async def join(network: int) -> int:
        headers = {"X-Forwarded-For": f"2001:db8:{network:x}::1"}
        return (await client.post(f"/v1/businesses/{world.slug}/waitlist", json=body, headers=headers)).status

    assert [await join(1) for _ in range(4)] == [201, 201, 201, 429]
    assert [await join(2) for _ in range(3)] == [201] * 3  # the same address, five times and more, from elsewhere


async def test_M122_where_strangers_came_from_is_forgotten(
    own_database_url: str, aiohttp_client: OpenClient, own_world: World
) -> None:
    await own_world.service()
    client = await open_shop(own_database_url, aiohttp_client)
    one = {"X-Forwarded-For": "2001:db8:1:2::1"}
    for at in DAY[:2]:
        assert await try_book(client, own_world, at, one) == 201
    await own_world.sql(
        "UPDATE attendees SET created_at = created_at - interval '31 days'"
        " WHERE business_id = $1 AND id = (SELECT min(id) FROM attendees)",
        own_world.business_id,
    )
    await sweep(own_world.core)
    rows = await own_world.sql("SELECT network::text AS network FROM attendees ORDER BY id")
    assert [row["network"] for row in rows] == [None, "2001:db8:1:2::/64"]


async def test_M122_an_address_is_the_same_however_its_letters_are_typed(
    database_url: str, aiohttp_client: OpenClient, world: World
) -> None:
    client = await open_shop(database_url, aiohttp_client, bookings_per_address=1)
    customer, asked = world.order_json(world.at(9))["customer"], within("2001:db8:1:2::")
    spellings = ["lim@example.org", "LIM@Example.org", "\uff4cim@example.org", "l\u0069m@\uff45xample.org"]
    statuses = [
        await try_book(client, world, at, next(asked), customer={**customer, "email": spelling})
        for at, spelling in zip(DAY, spellings, strict=False)
    ]
    assert statuses == [201, 429, 429, 429]
