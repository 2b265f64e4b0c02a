"""
Section H of the matrix: what a service for text messages says after it took one. Each quirk has its test.

Leaves sending to `test_sms_channel`.
"""

import base64
import hmac
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from pydantic import SecretStr

from server.app import build_app
from server.channels.sms import TwilioSms
from server.domain.sms_segments import segments
from server.domain.sms_status import ERRORS, LOST, comes_after
from server.outbound import ANYWHERE, Outbound
from server.settings import SmsSettings, WorkerSettings
from server.sms_signature import verify_twilio_signature
from server.usecases.dispatch import dispatch
from server.worker.pump import Lane, Pump
from server.worker.texts import TextSender
from tests.peers.twilio import Twilio, twilio
from tests.peers.twilio_quirks import QUIRKS
from tests.world import World, settings_for

Client = TestClient[Any, Any]
PHONE, OWNER = "+4915228817386", "owner@example.com"


@dataclass
class Desk:
    """A business that reminds by text message, its web server, and its account at the service."""

    client: Client
    world: World
    service: Twilio
    sender: TextSender

    async def remind(self, *, hour: int = 10) -> None:
        """A customer is reminded of an appointment."""
        await self.world.book(self.world.at(hour))
        await self.world.sql(
            "INSERT INTO deliveries (business_id, dedupe_key, channel, message, recipient, target, peer,"
            " appointment_id, attendee_id, payload) SELECT t.business_id, 'r' || t.id, 'sms', 'reminder', 'customer',"
            " $1, 'sms', t.appointment_id, t.id, jsonb_build_object('v', 1, 'start', a.starts_at, 'offset_min', 60)"
            " FROM attendees t JOIN appointments a ON a.id = t.appointment_id ORDER BY t.id DESC LIMIT 1",
            PHONE,
        )
        await self.work()

    async def work(self) -> None:
        """The worker sends what waits, waiting for nothing."""
        await self.world.sql("UPDATE deliveries SET due_at = clock_timestamp() WHERE channel = 'sms'")
        await Pump(self.world.core, [Lane({"sms": self.sender}, 4, per_peer=4)], WorkerSettings(poll_s=0.05)).drain()

    async def hear(self, status: str, code: str = "", *, message: int = 1) -> int:
        """The service calls; what it is answered."""
        url = self.service.messages[message - 1]["StatusCallback"]
        answer, _ = await self.service.call(url, message, status, code=code)
        return answer

    async def texts(self) -> list[tuple[str, str]]:
        """State of each text message, and what its service said last."""
        rows = await self.world.sql("SELECT state, remote_status FROM deliveries WHERE channel = 'sms' ORDER BY id")
        return [(row["state"], row["remote_status"]) for row in rows]

    async def mails(self) -> list[tuple[str, str]]:
        """What goes by mail instead, and what the owner is told."""
        await dispatch(self.world.core)
        rows = await self.world.sql(
            "SELECT message, CASE recipient WHEN 'customer' THEN recipient ELSE target END AS whom FROM deliveries"
            " WHERE channel = 'mail' AND message IN ('reminder', 'sms_trouble')"
            " ORDER BY id"
        )
        return [(row["message"], row["whom"]) for row in rows]

    async def left_alone(self) -> list[str]:
        """Why, of each number."""
        return [row["reason"] for row in await self.world.sql("SELECT reason FROM suppressions")]


@pytest.fixture
async def desk(
    own_database_url: str,
    redis_url: str,
    own_world: World,
    aiohttp_server: Callable[..., Awaitable[Any]],
    aiohttp_client: Callable[..., Awaitable[Client]],
) -> AsyncIterator[Desk]:
    await own_world.service()
    await own_world.sql("UPDATE businesses SET email = $1", OWNER)
    async with twilio() as service, Outbound(allowed_networks=ANYWHERE) as outbound:
        sms = SmsSettings(
            channel="twilio",
            url=service.url,
            account=service.account,
            token=SecretStr(service.token),
            sender="+15005550006",
            per_number_day=50,
        )
        settings = settings_for(own_database_url, redis_url, sms=sms)
        server = await aiohttp_server(build_app(settings))
        base = str(server.make_url("")).rstrip("/")
        settings.http.base_url = base
        channel = TwilioSms(sms, outbound, status_url=f"{base}/v1/inbound/sms")
        yield Desk(await aiohttp_client(server), own_world, service, TextSender(channel, own_world.core, settings))


def test_every_quirk_has_a_source_and_a_test() -> None:
    tested = set(re.findall(r"def test_H82_quirk_(\w+?)__", Path(__file__).read_text()))

    assert tested == set(QUIRKS)
    assert all(source.startswith("https://") and does for source, does in QUIRKS.values())


async def test_H82_quirk_early_callback__is_found_by_our_own_id_and_kept(desk: Desk) -> None:
    """It comes while the request is still being answered: nobody knows yet what the service calls the message."""
    heard: list[int] = []

    async def at_once(url: str) -> None:
        heard.append((await desk.service.call(url, 1, "undelivered", code="30005"))[0])

    desk.service.before_answer = at_once
    await desk.remind()

    assert heard == [204]
    assert await desk.texts() == [("undelivered", "undelivered")]
    assert await desk.mails() == [("reminder", "customer")]


async def test_H82_quirk_out_of_order__never_goes_back_from_an_end(desk: Desk) -> None:
    await desk.remind()
    for status in ("delivered", "sent", "queued", "undelivered"):
        assert await desk.hear(status) == 204

    assert await desk.texts() == [("sent", "delivered")]


async def test_H82_quirk_repeated_callback__counts_once(desk: Desk) -> None:
    await desk.remind()
    for _ in range(3):
        await desk.hear("undelivered", "30005")

    assert await desk.mails() == [("reminder", "customer")]
    assert await desk.left_alone() == []


async def test_H82_quirk_phone_off__is_tried_once_more_and_then_told_by_mail(desk: Desk) -> None:
    await desk.remind()
    await desk.hear("undelivered", "30003")
    assert (await desk.texts(), await desk.mails()) == ([("retrying", "undelivered")], [])

    await desk.work()
    assert (len(desk.service.messages), await desk.texts()) == (2, [("sent", "")])
    await desk.hear("undelivered", "30003", message=2)

    assert await desk.texts() == [("undelivered", "undelivered")]
    assert await desk.mails() == [("reminder", "customer")]
    assert await desk.left_alone() == [], "a phone that was off is a phone"


async def test_H82_quirk_late_callback__about_the_first_sending_says_nothing_of_the_second(desk: Desk) -> None:
    await desk.remind()
    await desk.hear("undelivered", "30003")
    await desk.work()
    await desk.hear("delivered", message=2)

    await desk.hear("undelivered", "30003", message=1)

    assert await desk.texts() == [("sent", "delivered")]


async def test_H82_quirk_number_unreachable__is_left_alone_for_a_while_after_three_in_a_row(desk: Desk) -> None:
    for number, hour in enumerate((9, 10, 11), 1):
        assert await desk.left_alone() == []
        await desk.remind(hour=hour)
        await desk.hear("undelivered", "30005", message=number)
    (row,) = await desk.world.sql("SELECT scope, until > now() + interval '29 days' AS later FROM suppressions")
    assert (row["scope"], row["later"]) == ("all", True)
    await desk.remind(hour=14)
    assert (await desk.texts())[-1][0] == "skipped"

    await desk.world.sql("UPDATE suppressions SET until = now() - interval '1 s'")
    await desk.remind(hour=15)

    assert (await desk.texts())[-1][0] == "sent"


async def test_H82_quirk_number_unreachable__and_one_that_arrives_begins_the_count_anew(desk: Desk) -> None:
    for number, (hour, status) in enumerate(((9, "undelivered"), (10, "delivered"), (11, "undelivered")), 1):
        await desk.remind(hour=hour)
        await desk.hear(status, "30005" if status == "undelivered" else "", message=number)

    assert await desk.left_alone() == []


@pytest.mark.parametrize("code", ["30007", "30034"])
async def test_H82_quirk_filtered__is_told_to_the_owner_once_a_day(desk: Desk, code: str) -> None:
    for number, hour in enumerate((9, 10), 1):
        await desk.remind(hour=hour)
        await desk.hear("undelivered", code, message=number)

    assert (await desk.mails()).count(("sms_trouble", OWNER)) == 1
    assert await desk.left_alone() == [], "it is not the number's fault"


def test_H82_quirk_unregistered_sender__says_what_it_is() -> None:
    assert "not registered" in ERRORS[30034].says


async def test_H82_quirk_opted_out__is_told_by_mail_instead(desk: Desk) -> None:
    desk.service.fail = (400, 21610, {})

    await desk.remind()

    assert await desk.texts() == [("dead", "")]
    assert await desk.mails() == [("reminder", "customer")]


async def test_H82_quirk_landline__is_never_tried_again(desk: Desk) -> None:
    desk.service.fail = (400, 21635, {})

    await desk.remind()

    assert await desk.texts() == [("dead", "")]


@pytest.mark.parametrize("code", [21606, 21608, 21659])
async def test_H82_quirk_wrong_sender__stops_the_channel_and_is_told(desk: Desk, code: int) -> None:
    desk.service.fail = (400, code, {})

    await desk.remind()

    assert await desk.texts() == [("retrying", "")]
    assert await desk.mails() == [("sms_trouble", OWNER)]
    desk.service.fail = None
    await desk.work()
    assert await desk.texts() == [("sent", "")], "nothing is lost once it is mended"


async def test_H82_quirk_trial_account__is_the_operators_to_mend(desk: Desk) -> None:
    desk.service.fail = (400, 21608, {})

    await desk.remind()

    (row,) = await desk.world.sql("SELECT detail FROM deliveries WHERE channel = 'sms'")
    assert "trial" in row["detail"]


async def test_H82_quirk_start__lifts_what_was_left_alone(desk: Desk) -> None:
    await desk.world.sql(
        "INSERT INTO suppressions (business_id, channel, target, scope) VALUES ($1, 'sms', $2, 'all')",
        desk.world.business_id,
        PHONE,
    )
    url = str(desk.client.make_url("/v1/inbound/sms"))
    hello = {"From": PHONE, "Body": "see you!", "MessageSid": "SM1"}
    assert await desk.service.post(url, hello) == 204
    assert await desk.left_alone() == [""]
    assert await desk.service.post(url, {**hello, "OptOutType": "START"}, token="another") == 401

    assert await desk.service.post(url, {**hello, "OptOutType": "START"}) == 204

    assert await desk.left_alone() == []


@pytest.mark.parametrize(
    ("ours", "signed"),
    [
        ("https://book.example:8443/v1/x?a=1", "https://book.example/v1/x?a=1"),
        ("https://book.example/v1/x", "https://book.example:443/v1/x"),
        ("http://book.example/v1/x", "http://book.example:80/v1/x"),
        ("https://book.example:443/v1/x", "https://book.example:443/v1/x"),
        ("https://[2001:db8::1]/v1/x", "https://[2001:db8::1]/v1/x"),
    ],
)
def test_H82_quirk_signed_without_port__and_with_it_are_both_genuine(ours: str, signed: str) -> None:
    form = {"MessageSid": "SM1"}
    made = base64.b64encode(hmac.digest(b"token", (signed + "MessageSidSM1").encode(), "sha1")).decode()

    assert verify_twilio_signature("token", ours, form, made)
    assert not verify_twilio_signature("token", ours.replace("/v1/x", "/v1/y"), form, made)


async def test_H82_a_message_that_we_did_not_send_is_not_found(desk: Desk) -> None:
    url = str(desk.client.make_url("/v1/inbound/sms/0191f0a0-0000-7000-8000-000000000000"))

    assert (await desk.service.call(url, 1, "delivered"))[0] == 404


async def test_an_address_that_is_left_alone_is_seen_and_written_to_again(desk: Desk) -> None:
    await desk.world.sql(
        "INSERT INTO suppressions (business_id, channel, target, scope, reason) VALUES ($1, 'sms', $2, 'all', 'why')",
        desk.world.business_id,
        PHONE,
    )
    base = f"/v1/businesses/{desk.world.slug}/suppressions"
    (item,) = (await (await desk.client.get(base, headers=desk.world.auth)).json())["items"]
    assert (item["target"], item["reason"], item["until"]) == (PHONE, "why", None)

    assert (await desk.client.delete(f"{base}/{item['id']}", headers=desk.world.auth)).status == 204

    assert (await desk.client.delete(f"{base}/{item['id']}", headers=desk.world.auth)).status == 404
    assert await desk.left_alone() == []


def test_statuses_are_ranked_and_nothing_follows_a_loss() -> None:
    assert comes_after("delivered", "sent")
    assert comes_after("read", "delivered")
    assert not comes_after("sent", "delivered")
    assert not comes_after("undelivered", "delivered")
    assert not comes_after("something new", "")
    assert not any(comes_after("delivered", lost) for lost in LOST)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("予" * 70, 1),
        ("予" * 71, 2),
        ("🦊" * 35, 1),
        ("🦊" * 36, 2),
        ("ç", 1),
    ],
)
def test_parts_are_counted_as_carriers_do(text: str, parts: int) -> None:
    """3GPP TS 23.038 and 23.040: 160 or 153 septets, 70 or 67 UTF-16 units; € is two septets."""
    assert segments(text) == parts


async def test_H82_a_number_far_from_the_business_gets_a_mail_unless_the_settings_say_so(desk: Desk) -> None:
    """Who books with a number abroad must not choose what each reminder costs."""
    await desk.world.sql("UPDATE locations SET timezone = 'Europe/Paris', holiday_country = 'FR'")

    await desk.remind()

    assert desk.service.messages == []
    assert await desk.mails() == [("reminder", "customer")]
