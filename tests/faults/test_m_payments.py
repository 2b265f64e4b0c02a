"""Proves rows of section M about paying: whoever pays beforehand, or could, is bound like everybody else."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.settings import BookingSettings, HttpSettings, LimitSettings
from server.tokens import new_api_key, token_hash
from server.usecases.sweep import sweep
from tests.faults.test_m_blocks import burst_of
from tests.faults.test_m_quotas import DAY
from tests.peers.stripe import Stripe, event, stripe_account
from tests.world import World, settings_for

Client = TestClient[Any, Any]
OpenClient = Callable[..., Awaitable[Client]]
HERE = {"X-Forwarded-For": "2001:db8:1:2::1"}
THERE = {"X-Forwarded-For": "2001:db8:2:2::1"}
ADDRESS = "lim@example.org"


@pytest.fixture
async def stripe() -> AsyncIterator[Stripe]:
    async with stripe_account() as account:
        yield account


@pytest.fixture
async def client(own_database_url: str, aiohttp_client: OpenClient, stripe: Stripe) -> Client:
    settings = settings_for(
        own_database_url,
        http=HttpSettings(trusted_proxies="127.0.0.0/8"),
        limit=LimitSettings(write_per_ip="100000/minute"),
        booking=BookingSettings(bookings_per_network_day=4),
        payment=stripe.settings,
    )
    return await aiohttp_client(build_app(settings))


@pytest.fixture
async def counter(own_world: World) -> World:
    """A shop whose customers pay when they come."""
    await own_world.service(price_minor=4800)
    return own_world


@pytest.fixture
async def till(own_world: World) -> World:
    """A shop that is paid beforehand."""
    await own_world.service(price_minor=4800, payment="online", change_window_min=0)
    return own_world


async def held(client: Client, world: World, at: tuple[int, int], headers: dict[str, str]) -> tuple[int, str]:
    body = {"service": "cut", "provider": "anna", "start": world.at(*at).isoformat()}
    answer = await client.post(f"/v1/businesses/{world.slug}/holds", json=body, headers=headers)
    return answer.status, (await answer.json()).get("hold", "")


async def pay(
    client: Client, world: World, at: tuple[int, int], headers: dict[str, str], email: str = ADDRESS
) -> tuple[int, dict[str, Any]]:
    """Holds a time as staff would, so that holding is not what is refused, and begins to pay for it."""
    status, hold = await held(client, world, at, world.auth)
    assert status == 201
    order = world.order_json(world.at(*at), hold=hold)
    order["customer"]["email"] = email
    answer = await client.post(f"/v1/businesses/{world.slug}/payments", json=order, headers=headers)
    return answer.status, await answer.json()


async def arrive(client: Client, stripe: Stripe) -> None:
    """The money for the latest session has arrived."""
    name, session = list(stripe.sessions.items())[-1]
    session.update(status="complete", payment_status="paid", url=None)
    session["payment_intent"]["status"] = "succeeded"
    body, headers = event(name)
    assert (await client.post("/v1/inbound/stripe", data=body, headers=headers)).status == 204


async def networks(world: World) -> list[str | None]:
    return [row["network"] for row in await world.sql("SELECT network::text AS network FROM attendees ORDER BY id")]


async def payments(world: World) -> list[str]:
    return [row["status"] for row in await world.sql("SELECT status FROM payments ORDER BY id")]


async def block(client: Client, world: World, kind: str, value: str) -> None:
    path = f"/v1/businesses/{world.slug}/blocks"
    assert (await client.post(path, json={"kind": kind, "value": value}, headers=world.auth)).status == 201


async def key_that_reads(world: World) -> dict[str, str]:
    key, prefix = new_api_key()
    await world.sql(
        "INSERT INTO api_keys (business_id, name, prefix, key_hash, scopes) VALUES ($1, 'reads', $2, $3, '{read}')",
        world.business_id,
        prefix,
        token_hash(key),
    )
    return {"Authorization": f"Bearer {key}"}


# Nothing is due now


@pytest.mark.parametrize("how", ["hold", "staff held", "read key"])
async def test_M122_where_nothing_is_due_one_network_gets_three_starts(
    client: Client, counter: World, how: str
) -> None:
    """Neither with holds of their own nor where somebody else holds it: nor with a key that may only look."""
    asked = {**HERE, **(await key_that_reads(counter) if how == "read key" else {})}
    booked = []
    for at in DAY[:6]:
        if how == "hold":
            status, hold = await held(client, counter, at, HERE)
            if status == 201:
                order = counter.order_json(counter.at(*at), hold=hold)
                path = f"/v1/businesses/{counter.slug}/payments"
                status = (await client.post(path, json=order, headers=HERE)).status
        else:
            status, _ = await pay(client, counter, at, asked, f"{at[0]}{at[1]}@example.org")
        booked.append(status)

    assert booked == [201] * 3 + [429] * 3
    assert await networks(counter) == ["2001:db8:1:2::/64"] * 3
    assert await payments(counter) == ["booked"] * 3


async def test_M122_where_nothing_is_due_staff_books_as_much_as_it_likes(client: Client, counter: World) -> None:
    answers = [await pay(client, counter, at, {**HERE, **counter.auth}) for at in DAY[:6]]

    assert {(status, body["status"], body["method"]) for status, body in answers} == {(201, "booked", "on_site")}
    assert all(body["appointment"] for _, body in answers)


async def test_M122_where_addresses_are_confirmed_nothing_is_booked_without(client: Client, counter: World) -> None:
    await counter.sql("UPDATE businesses SET guard = 'mail'")

    status, problem = await pay(client, counter, DAY[0], HERE)
    known, booked = await pay(client, counter, DAY[1], {**HERE, **counter.auth})

    assert (status, problem["type"]) == (409, "/problems/conflict")
    assert "/appointments" in problem["detail"]
    assert (known, booked["status"]) == (201, "booked")
    assert await payments(counter) == ["booked"]


async def test_M122_a_held_time_that_is_not_paid_beforehand_is_booked_by_mail_instead(
    client: Client, counter: World
) -> None:
    """The refusal has not used the hold up."""
    await counter.sql("UPDATE businesses SET guard = 'mail'")
    _, hold = await held(client, counter, DAY[0], HERE)
    order = counter.order_json(counter.at(*DAY[0]), hold=hold)
    base = f"/v1/businesses/{counter.slug}"

    refused = await client.post(f"{base}/payments", json=order, headers=HERE)
    asked = await client.post(f"{base}/appointments", json=order, headers=HERE)

    assert refused.status == 409
    assert (asked.status, (await asked.json())["status"]) == (201, "held")


async def test_M_where_nothing_is_due_a_hold_that_is_over_saves_no_proof(client: Client, counter: World) -> None:
    await counter.sql("UPDATE businesses SET guard = 'proof'")
    living, _ = await pay(client, counter, DAY[0], HERE)
    _, hold = await held(client, counter, DAY[1], counter.auth)
    for table in ("holds", "claims"):
        await counter.sql(f"UPDATE {table} SET expires_at = clock_timestamp() WHERE expires_at IS NOT NULL")
    order = counter.order_json(counter.at(*DAY[1]), hold=hold)

    over = await client.post(f"/v1/businesses/{counter.slug}/payments", json=order, headers=HERE)

    assert (living, over.status, (await over.json())["type"]) == (201, 403, "/problems/proof-required")
    assert await payments(counter) == ["booked"]


async def test_M121_where_nothing_is_due_a_limit_names_no_customer(client: Client, counter: World) -> None:
    await counter.sql("UPDATE services SET per_customer_limit = 1")
    await counter.book(counter.at(*DAY[0]), email="victim@example.org")

    of_victim = await pay(client, counter, DAY[1], HERE, "victim@example.org")
    of_nobody = await pay(client, counter, DAY[2], HERE, "nobody@example.org")
    own = await pay(client, counter, DAY[3], HERE, "nobody@example.org")

    assert (of_victim[0], of_nobody[0]) == (201, 201)
    assert (own[0], own[1]["type"]) == (409, "/problems/customer-limit-reached")


# Blocked


@pytest.mark.parametrize("payment", ["on_site", "online"])
@pytest.mark.parametrize("block_of", [("address", ADDRESS), ("network", "2001:db8:1:2::/64")])
async def test_M122_who_is_blocked_neither_books_nor_pays(
    client: Client, counter: World, stripe: Stripe, payment: str, block_of: tuple[str, str]
) -> None:
    await counter.sql("UPDATE services SET payment = $1", payment)
    await block(client, counter, *block_of)

    status, problem = await pay(client, counter, DAY[0], HERE)

    assert (status, problem["type"]) == (409, "/problems/not-bookable-online")
    assert (stripe.calls, await payments(counter), await networks(counter)) == ([], [], [])


async def test_M122_who_is_blocked_while_they_pay_gets_their_money_back(
    client: Client, till: World, stripe: Stripe
) -> None:
    status, _ = await pay(client, till, DAY[0], HERE)
    await block(client, till, "address", ADDRESS)
    await arrive(client, stripe)

    assert (status, await payments(till), await networks(till)) == (201, ["returning"], [])


# Paid beforehand


async def test_M121_a_stranger_uses_up_no_limit_by_paying_under_an_address(
    client: Client, till: World, stripe: Stripe
) -> None:
    await till.sql("UPDATE services SET per_customer_limit = 1")

    for at, network in ((DAY[0], HERE), (DAY[1], THERE)):
        assert (await pay(client, till, at, network))[0] == 201
        await arrive(client, stripe)
    again, problem = await pay(client, till, DAY[2], THERE)

    assert await payments(till) == ["booked", "booked"]
    assert await networks(till) == ["2001:db8:1:2::/64", "2001:db8:2:2::/64"]
    assert (again, problem["type"]) == (409, "/problems/customer-limit-reached")


async def test_M122_what_is_paid_is_booked_whatever_the_network_has(
    client: Client, till: World, stripe: Stripe
) -> None:
    """Money is not taken and given back for a quota."""
    for n, at in enumerate(DAY[:6]):
        assert (await pay(client, till, at, HERE, f"{n}@example.org"))[0] == 201
        await arrive(client, stripe)

    assert await payments(till) == ["booked"] * 6


async def test_M122_a_burst_that_was_paid_is_found_by_its_network(client: Client, till: World, stripe: Stripe) -> None:
    await pay(client, till, DAY[0], HERE)
    await arrive(client, stripe)

    path = f"/v1/businesses/{till.slug}/appointments/cancel-burst"
    answer = await client.post(path, json=burst_of(network="2001:db8:1:2::/64"), headers=till.auth)

    assert (answer.status, len((await answer.json())["items"])) == (200, 1)


async def test_M122_where_payers_came_from_is_forgotten(client: Client, till: World, stripe: Stripe) -> None:
    await pay(client, till, DAY[0], HERE)
    assert [row[0] for row in await till.sql("SELECT network::text FROM payments")] == ["2001:db8:1:2::/64"]

    await till.sql("UPDATE payments SET created_at = created_at - interval '31 days'")
    await sweep(till.core)

    assert [row[0] for row in await till.sql("SELECT network FROM payments")] == [None]


async def test_M_without_javascript_a_guarded_service_that_is_paid_leads_to_paying(
    client: Client, till: World, stripe: Stripe
) -> None:
    await till.sql("UPDATE businesses SET guard = 'proof'")
    start = till.at(*DAY[0]).isoformat()
    form = {"name": "Robin", "email": ADDRESS, "key": "k" * 24, "timezone": "Europe/Berlin"}

    sent = await client.post(
        f"/book/{till.slug}",
        params={"service": "cut", "start": start},
        data=form,
        headers={**HERE, "Accept-Language": "en"},
        allow_redirects=False,
    )
    await arrive(client, stripe)

    assert (sent.status, await payments(till)) == (303, ["booked"])


async def test_M122_without_javascript_one_network_holds_three_times_to_pay_for(client: Client, till: World) -> None:
    await till.sql("UPDATE businesses SET guard = 'proof'")
    statuses = []
    for n, at in enumerate(DAY[:4]):
        form = {"name": "Robin", "email": ADDRESS, "key": f"{n}" * 24, "timezone": "Europe/Berlin"}
        asked = {"service": "cut", "start": till.at(*at).isoformat()}
        sent = await client.post(f"/book/{till.slug}", params=asked, data=form, headers=HERE, allow_redirects=False)
        statuses.append(sent.status)

    assert statuses == [303, 303, 303, 429]
