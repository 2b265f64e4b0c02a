"""Webhooks from a booking to a receiver that verifies them with the official library, and what is kept of them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.channels.webhook import WebhookChannel
from server.domain.appointment import CustomerDetails
from server.domain.waitlist import Wish
from server.outbound import Outbound
from server.settings import Settings, WebhookSettings
from server.usecases.cancel import cancel
from server.usecases.dispatch import dispatch
from server.usecases.offer_freed import offer_freed
from server.usecases.places import target_of_token
from server.usecases.reschedule import reschedule
from server.usecases.waitlist import Joined, join, lapse_offers, view
from server.worker.pump import Lane, Pump
from server.worker.webhooks import WebhookSender
from tests.peers.webhook_receiver import Receiver, says, webhook_receiver
from tests.world import World, no_key, settings_for

Client = TestClient[Any, Any]
SETTINGS = WebhookSettings(allowed_networks="127.0.0.0/8", timeout_s=2)


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    """Receivers of this machine may be called, without TLS too."""
    return settings_for(database_url, redis_url, webhook=SETTINGS)


@asynccontextmanager
async def calling(world: World, settings: WebhookSettings = SETTINGS) -> AsyncIterator[Pump]:
    """A pump that calls endpoints."""
    async with Outbound(allowed_networks=settings.allowed_networks) as outbound:
        sender = WebhookSender(world.core, WebhookChannel(outbound, settings))
        worker = settings_for("postgresql://unused/unused").worker
        yield Pump(world.core, [Lane({"webhook": sender}, 10, per_peer=2)], worker)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with webhook_receiver("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") as receiver:
        yield receiver


async def add(client: Client, world: World, receiver: Receiver, **more: Any) -> str:
    """An endpoint that the receiver knows the secret of; its path."""
    path = f"/v1/businesses/{world.slug}/webhooks"
    made = await client.post(path, json={"url": receiver.url, **more}, headers=world.auth)
    assert made.status == 201, await made.text()
    body = await made.json()
    receiver.secret = body["secret"]
    return f"{path}/{body['id']}"


async def log_of(client: Client, world: World, **query: str) -> list[dict[str, Any]]:
    path = f"/v1/businesses/{world.slug}/deliveries"
    answer = await client.get(path, params={"channel": "webhook", **query}, headers=world.auth)
    items: list[dict[str, Any]] = (await answer.json())["items"]
    return items


async def test_H79_an_event_arrives_signed_with_everything_about_the_appointment(
    client: Client, world: World, receiver: Receiver
) -> None:
    await add(client, world, receiver)
    booked = await world.book(world.at(10), email="robin@example.org")
    async with calling(world) as pump:
        await pump.drain()
    ((_, event),) = receiver.verified
    assert (event["type"], event["data"]["appointment"]) == ("appointment.booked", str(booked.appointment.uid))
    assert event["data"]["service"] == "cut"
    assert [person["email"] for person in event["data"]["attendees"]] == ["robin@example.org"]
    assert receiver.rejected == []


async def test_only_the_kinds_that_were_asked_for_are_sent(client: Client, world: World, receiver: Receiver) -> None:
    await add(client, world, receiver, kinds=["appointment.rescheduled"])
    booked = await world.book(world.at(10))
    await reschedule(world.core, await target_of_token(world.core, booked.manage_token), world.at(11), no_key())
    async with calling(world) as pump:
        await pump.drain()
    assert [event["type"] for _, event in receiver.verified] == ["appointment.rescheduled"]
    assert receiver.verified[0][1]["version"] == 1


async def test_H77_a_retry_has_the_same_id_and_body_and_the_log_has_both_answers(
    client: Client, world: World, receiver: Receiver
) -> None:
    await add(client, world, receiver)
    receiver.answer = says(500, text="out of order")
    booked = await world.book(world.at(10))
    async with calling(world) as pump:
        await pump.drain()
        await reschedule(world.core, await target_of_token(world.core, booked.manage_token), world.at(11), no_key())
        receiver.answer = None
        await world.sql("UPDATE deliveries SET due_at = clock_timestamp() WHERE business_id = $1", world.business_id)
        await pump.drain()
    first, second = [call for call in receiver.verified if call[1]["type"] == "appointment.booked"]
    assert first == second
    (item,) = [one for one in await log_of(client, world) if one["message"] == "appointment.booked"]
    path = f"/v1/businesses/{world.slug}/deliveries/{item['id']}"
    details = await (await client.get(path, headers=world.auth)).json()
    assert [(a["verdict"], a["status"]) for a in details["attempts"]] == [("retry", 500), ("sent", 204)]
    assert details["attempts"][0]["response"] == "out of order"
    assert '"type":"appointment.booked"' in details["body"]


async def failing_for(world: World, days: int) -> None:
    """The endpoint has not had one good call for so long."""
    await world.sql(
        "UPDATE webhook_endpoints SET failing_since = clock_timestamp() - make_interval(days => $1)"
        " WHERE business_id = $2",
        days,
        world.business_id,
    )


async def health(world: World) -> tuple[bool, bool]:
    """Whether its calls fail, and whether it is called."""
    (row,) = await world.sql(
        "SELECT failing_since, active FROM webhook_endpoints WHERE business_id = $1", world.business_id
    )
    return row["failing_since"] is not None, row["active"]


async def told(world: World) -> list[tuple[str, str]]:
    """Mails about the endpoint: message and address."""
    await dispatch(world.core)
    rows = await world.sql(
        "SELECT message, target FROM deliveries WHERE channel = 'mail' AND message = 'endpoint_disabled'"
        " AND business_id = $1",
        world.business_id,
    )
    return [(row["message"], row["target"]) for row in rows]


async def test_H77_an_endpoint_that_fails_for_days_is_switched_off_and_its_owner_told(
    client: Client, world: World, receiver: Receiver
) -> None:
    await world.sql("UPDATE businesses SET email = 'owner@example.com' WHERE id = $1", world.business_id)
    path = await add(client, world, receiver)
    receiver.answer = says(503)
    await world.book(world.at(9))
    async with calling(world) as pump:
        await pump.drain()
        assert await health(world) == (True, True)
        await failing_for(world, 6)
        await world.book(world.at(10))
        await pump.drain()

    seen = await (await client.get(path, headers=world.auth)).json()
    assert (seen["active"], "failed since" in seen["disabled_reason"]) == (False, True)
    assert await told(world) == [("endpoint_disabled", "owner@example.com")]


async def test_H77_one_call_that_works_begins_the_days_anew(client: Client, world: World, receiver: Receiver) -> None:
    await add(client, world, receiver)
    await failing_for(world, 6)
    await world.book(world.at(9))
    async with calling(world) as pump:
        await pump.drain()

    assert await health(world) == (False, True)


async def test_H77_an_endpoint_that_fails_for_a_while_is_called_again(
    client: Client, world: World, receiver: Receiver
) -> None:
    await add(client, world, receiver)
    receiver.answer = says(503)
    await failing_for(world, 4)
    await world.book(world.at(9))
    async with calling(world) as pump:
        await pump.drain()

    assert await health(world) == (True, True)
    assert await told(world) == []


def test_H77_a_receiver_has_the_fifteen_seconds_that_the_standard_gives_it() -> None:
    """Standard Webhooks, "Delivery attempts": 15 to 30 seconds."""
    assert WebhookSettings().timeout_s == 15


async def test_H77_410_switches_the_endpoint_off_until_somebody_switches_it_on(
    client: Client, world: World, receiver: Receiver
) -> None:
    path = await add(client, world, receiver)
    receiver.answer = says(410)
    await world.book(world.at(10))
    async with calling(world) as pump:
        await pump.drain()
        seen = await (await client.get(path, headers=world.auth)).json()
        assert (seen["active"], "410" in seen["disabled_reason"]) == (False, True)
        await world.book(world.at(11))
        await pump.drain()
        assert len(receiver.verified) == 1
        receiver.answer = None
        on = await client.patch(path, json={"active": True}, headers=world.auth)
        assert (await on.json())["disabled_reason"] == ""
        await world.book(world.at(12))
        await pump.drain()
    assert len(receiver.verified) == 2


async def test_H80_after_a_rotation_both_secrets_sign(client: Client, world: World, receiver: Receiver) -> None:
    path = await add(client, world, receiver)
    rotated = await (await client.post(f"{path}/rotate", headers=world.auth)).json()
    assert rotated["secret"] != receiver.secret
    async with calling(world) as pump:
        await world.book(world.at(10))
        await pump.drain()
        receiver.secret = rotated["secret"]
        await world.book(world.at(11))
        await pump.drain()
        assert (len(receiver.verified), receiver.rejected) == (2, [])
        await world.sql("UPDATE webhook_endpoints SET previous_until = now() WHERE business_id = $1", world.business_id)
        await world.book(world.at(12))
        await pump.drain()
    assert len(receiver.headers[-1]["webhook-signature"].split()) == 1


async def test_H81_a_slow_receiver_holds_up_nobody_else(client: Client, world: World, receiver: Receiver) -> None:
    import asyncio

    stuck = asyncio.Event()

    async def hang(_: Any) -> Any:
        await stuck.wait()

    async with webhook_receiver("whsec_" + "A" * 32) as slow:
        await add(client, world, slow)
        slow.answer = hang
        await add(client, world, receiver)
        for hour in range(9, 15):
            await world.book(world.at(hour))
        async with calling(world) as pump:
            working = asyncio.create_task(pump.drain())
            for _ in range(100):
                if len(receiver.verified) == 6:
                    break
                await asyncio.sleep(0.02)
            assert len(receiver.verified) == 6
            assert len(slow.verified) <= 2
            stuck.set()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def test_a_test_event_goes_to_the_one_that_is_tried_out(client: Client, world: World, receiver: Receiver) -> None:
    async with webhook_receiver("whsec_" + "B" * 32) as other:
        await add(client, world, other)
        path = await add(client, world, receiver, kinds=["appointment.no_show"])
        assert (await client.post(f"{path}/test", headers=world.auth)).status == 202
        async with calling(world) as pump:
            await pump.drain()
        assert [event["type"] for _, event in receiver.verified] == ["webhook.test"]
        assert other.verified == []


async def test_what_was_given_up_is_listed_and_sent_again(client: Client, world: World, receiver: Receiver) -> None:
    await add(client, world, receiver)
    await world.book(world.at(10))
    async with calling(world, WebhookSettings()) as guarded:  # loopback is no public address
        await guarded.drain()
    (dead,) = await log_of(client, world, state="dead")
    assert receiver.headers == []
    again = await client.post(f"/v1/businesses/{world.slug}/deliveries/redrive", headers=world.auth)
    assert await again.json() == {"queued": 1}
    async with calling(world) as pump:
        await pump.drain()
        assert [item["id"] for item in await log_of(client, world, state="sent")] == [dead["id"]]
        path = f"/v1/businesses/{world.slug}/deliveries/{dead['id']}/redeliver"
        assert (await client.post(path, headers=world.auth)).status == 200
        await pump.drain()
    assert len(receiver.verified) == 2
    assert receiver.verified[0][0] == receiver.verified[1][0]


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "https://user:secret@example.org/", "example.org", "https://", "https://ex ample.org"]
)
async def test_what_cannot_be_called_is_refused(client: Client, world: World, url: str) -> None:
    path = f"/v1/businesses/{world.slug}/webhooks"
    assert (await client.post(path, json={"url": url}, headers=world.auth)).status == 422


async def test_a_secret_is_shown_once_and_sealed(client: Client, world: World, receiver: Receiver) -> None:
    path = await add(client, world, receiver)
    assert "secret" not in await (await client.get(path, headers=world.auth)).json()
    rows = await world.sql("SELECT e::text FROM webhook_endpoints e WHERE business_id = $1", world.business_id)
    assert receiver.secret not in rows[0][0]


async def test_G76_reminders_are_stopped_by_post_and_not_by_looking(client: Client, world: World) -> None:
    token = world.core.vault.unsubscribe_token(world.business_id, "robin@example.org")

    async def suppressed() -> int:
        rows = await world.sql("SELECT count(*) FROM suppressions WHERE business_id = $1", world.business_id)
        return int(rows[0][0])

    page = await client.get(f"/v1/unsubscribe/{token}")
    assert (page.status, await suppressed()) == (200, 0)
    for _ in range(2):
        done = await client.post(f"/v1/unsubscribe/{token}", data={"List-Unsubscribe": "One-Click"})
        assert done.status == 200
    assert await suppressed() == 1
    assert (await client.post("/v1/unsubscribe/forged")).status == 404


async def test_an_offer_of_the_waitlist_says_who_and_what_and_opens_nothing(
    client: Client, world: World, receiver: Receiver
) -> None:
    await add(client, world, receiver, kinds=["waitlist.offered", "waitlist.lapsed"])
    await world.sql("UPDATE working_hours SET start_min = 600, end_min = 630 WHERE business_id = $1", world.business_id)
    booked = await world.book(world.at(10))
    day = world.at(10).date()
    customer = CustomerDetails(name="Wanda", email="wanda@example.org", timezone="Europe/Berlin")
    wish = Wish(first_day=day, last_day=day)
    joined = await join(world.core, world.slug, "cut", wish=wish, customer=customer, once=no_key())
    assert isinstance(joined, Joined)
    await cancel(world.core, await target_of_token(world.core, booked.manage_token), no_key())
    await offer_freed(world.core, world.business_id)
    hold = (await view(world.core, joined.token)).hold
    assert hold is not None
    await world.sql("UPDATE waitlist_entries SET offer_expires_at = now() WHERE business_id = $1", world.business_id)
    await lapse_offers(world.core)

    async with calling(world) as pump:
        await pump.drain()

    offered, lapsed = sorted((event for _, event in receiver.verified), key=lambda event: event["type"], reverse=True)
    assert (offered["type"], offered["version"]) == ("waitlist.offered", None)
    assert set(offered["data"]) == {
        "entry", "service", "provider", "location", "start", "end", "expires_at", "customer"
    }  # fmt: skip
    assert offered["data"]["customer"] == {
        "name": "Wanda", "email": "wanda@example.org", "phone": "", "timezone": "Europe/Berlin", "locale": "en"
    }  # fmt: skip
    assert set(lapsed["data"]) == {"entry", "start", "customer"}
    assert lapsed["data"]["entry"] == str(joined.entry.uid)
    for event in (offered, lapsed):
        assert joined.token not in str(event)
        assert hold not in str(event)


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://hooks.example.org/x", 201),  # a name: looked up when it is called
        ("http://127.0.0.1:8080/x", 201),
        ("http://93.184.215.14/x", 422),
        ("https://93.184.215.14/x", 201),
    ],
)
async def test_without_tls_only_allowed_networks_are_called(
    client: Client, world: World, url: str, status: int
) -> None:
    path = f"/v1/businesses/{world.slug}/webhooks"
    made = await client.post(path, json={"url": url}, headers=world.auth)

    assert made.status == status, await made.text()
    if status == 422:
        (error,) = (await made.json())["errors"]
        assert error["pointer"] == "/url"
        assert "https://" in error["detail"]


async def test_without_allowed_networks_there_is_no_http_at_all(
    world: World, database_url: str, aiohttp_client: Callable[..., Awaitable[Client]]
) -> None:
    client = await aiohttp_client(build_app(settings_for(database_url)))
    path = f"/v1/businesses/{world.slug}/webhooks"
    made = await (await client.post(path, json={"url": "https://hooks.example.org"}, headers=world.auth)).json()

    for answer in (
        await client.post(path, json={"url": "http://hooks.example.org"}, headers=world.auth),
        await client.patch(f"{path}/{made['id']}", json={"url": "http://hooks.example.org"}, headers=world.auth),
    ):
        assert answer.status == 422
