"""Rows H77 to H83: calls to the endpoints of businesses, received as their users would receive them."""

import asyncio
import base64
import random
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from server.channels.outcome import Outcome, Verdict
from server.channels.webhook import WebhookChannel, sign
from server.channels.webhook_body import webhook_body
from server.domain.backoff import MOST_ATTEMPTS
from server.domain.events import Fact, Kind
from server.outbound import Outbound
from server.settings import WebhookSettings
from server.tokens import new_webhook_secret
from tests.peers.canary import canary, raw_server
from tests.peers.webhook_receiver import Receiver, http_server, says, webhook_receiver

LOOPBACK = (ip_network("127.0.0.0/8"),)
SETTINGS = WebhookSettings(timeout_s=0.5, allowed_networks=LOOPBACK)
SECRET = new_webhook_secret()
FACT = Fact(
    kind=Kind.RESCHEDULED,
    appointment="apt_1@example.com",
    sequence=3,
    actor="customer",
    start=datetime(2027, 3, 1, 9, tzinfo=UTC),
    previous_start=datetime(2027, 3, 1, 8, tzinfo=UTC),
    reason="Grüße 🦊",
)
BODY = webhook_body(kind=FACT.kind, payload=FACT.payload(), at=datetime(2027, 2, 1, 9, tzinfo=UTC))


@pytest.fixture
async def channel() -> AsyncIterator[WebhookChannel]:
    """A channel that may call loopback."""
    async with Outbound(allowed_networks=LOOPBACK) as outbound:
        yield WebhookChannel(outbound, SETTINGS)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """An endpoint that knows SECRET."""
    async with webhook_receiver(SECRET) as found:
        yield found


async def send(channel: WebhookChannel, url: str, **changed: Any) -> Outcome:
    """One attempt, now."""
    attempt = {
        "secrets": [SECRET],
        "message_id": "whd_1",
        "timestamp": datetime.now(UTC),
        "body": BODY,
        "may_send": lambda: True,
    }
    return await channel.send(url=url, **{**attempt, **changed})


async def test_H79_a_receiver_with_the_official_library_believes_us(
    channel: WebhookChannel, receiver: Receiver
) -> None:
    outcome = await send(channel, receiver.url)

    assert (outcome.verdict, outcome.status, outcome.peer_trouble) == (Verdict.SENT, 204, False)
    assert receiver.verified == [("whd_1", orjson.loads(BODY))]
    assert receiver.headers[0]["content-type"] == "application/json"
    assert receiver.headers[0]["webhook-signature"].startswith("v1,")


async def test_H79_the_id_stays_the_same_and_the_signature_is_of_each_attempt(
    channel: WebhookChannel, receiver: Receiver
) -> None:
    for age in (60, 0):
        await send(channel, receiver.url, timestamp=datetime.now(UTC) - timedelta(seconds=age))

    assert [message_id for message_id, _ in receiver.verified] == ["whd_1", "whd_1"]
    assert len({headers["webhook-signature"] for headers in receiver.headers}) == 2


@pytest.mark.parametrize("age", [timedelta(minutes=6), -timedelta(minutes=6)])
async def test_H79_a_captured_delivery_is_rejected_when_it_is_played_again(
    channel: WebhookChannel, receiver: Receiver, age: timedelta
) -> None:
    outcome = await send(channel, receiver.url, timestamp=datetime.now(UTC) - age)

    assert outcome.status == 401
    assert receiver.verified == []
    assert "too" in receiver.rejected[0]


async def test_H79_the_zone_in_which_a_moment_is_written_does_not_matter(
    channel: WebhookChannel, receiver: Receiver
) -> None:
    """The library takes any wall time for UTC."""
    moment = datetime.now(timezone(timedelta(hours=5, minutes=30)))

    assert (await send(channel, receiver.url, timestamp=moment)).verdict is Verdict.SENT


def test_H79_the_signature_is_that_of_the_specification() -> None:
    """The example of the specification's own libraries."""
    signature = sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=datetime.fromtimestamp(1614265330, UTC),
        body=b'{"test": 2432232314}',
    )

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_new_secret_is_32_random_bytes() -> None:
    prefix, _, encoded = new_webhook_secret().partition("_")

    assert prefix == "whsec"
    assert len(base64.b64decode(encoded, validate=True)) == 32
    assert new_webhook_secret() != new_webhook_secret()


async def test_H80_during_a_rotation_who_knows_either_secret_believes_us(channel: WebhookChannel) -> None:
    old, new, foreign = new_webhook_secret(), new_webhook_secret(), new_webhook_secret()
    verdicts = []
    for known in (old, new, foreign):
        async with webhook_receiver(known) as receiver:
            verdicts.append((await send(channel, receiver.url, secrets=[new, old])).verdict)

    assert verdicts == [Verdict.SENT, Verdict.SENT, Verdict.RETRY]


async def test_H80_nothing_goes_out_unsigned(channel: WebhookChannel, receiver: Receiver) -> None:
    with pytest.raises(ValueError, match="needs a secret"):
        await send(channel, receiver.url, secrets=[])

    assert receiver.headers == []


STATUSES = [
    *((status, Verdict.SENT, False) for status in (200, 201, 202, 204)),
    *((status, Verdict.RETRY, False) for status in (301, 302, 304, 307, 308, 400, 401, 403, 404, 408, 422)),
    *((status, Verdict.RETRY, True) for status in (429, 500, 501, 502, 503, 504, 599)),
    (410, Verdict.GONE, False),
]


@pytest.mark.parametrize(("status", "verdict", "trouble"), STATUSES)
async def test_H77_each_status_means_what_standard_webhooks_says(
    channel: WebhookChannel, receiver: Receiver, status: int, verdict: Verdict, trouble: bool
) -> None:
    receiver.answer = says(status)

    outcome = await send(channel, receiver.url)

    assert (outcome.verdict, outcome.status, outcome.peer_trouble) == (verdict, status, trouble)
    assert outcome.detail == f"HTTP {status}"
    assert len(receiver.verified) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_H77_a_receiver_may_ask_for_a_pause(channel: WebhookChannel, receiver: Receiver, status: int) -> None:
    now = datetime.now(UTC)
    asked = ["77", "999999999", format_datetime(now + timedelta(seconds=100), usegmt=True), "soon", None]
    waits = []
    for retry_after in asked:
        receiver.answer = says(status, headers={"Retry-After": retry_after} if retry_after else None)
        waits.append((await send(channel, receiver.url, timestamp=now)).retry_after_s)

    assert waits[0] == 77
    assert waits[1] == 86_400
    assert waits[2] in {99, 100}
    assert waits[3:] == [None, None]


async def test_H78_a_redirect_is_not_followed(channel: WebhookChannel, receiver: Receiver) -> None:
    async with canary() as bird:
        receiver.answer = says(307, headers={"Location": f"http://127.0.0.1:{bird.port}/"})
        outcome = await send(channel, receiver.url)

    assert outcome.verdict is Verdict.RETRY
    assert bird.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "169.254.169.254"])
async def test_H78_an_internal_target_is_refused_for_good_and_never_connected_to(host: str) -> None:
    async with canary() as bird, Outbound() as outbound:
        outcome = await send(WebhookChannel(outbound, SETTINGS), f"http://{host}:{bird.port}/")

    assert outcome == Outcome(verdict=Verdict.REFUSED, detail="This address may not be called.")
    assert bird.connections == 0


async def test_H78_a_name_that_turns_inward_is_refused() -> None:
    # Without TLS a name is asked for twice: whether it lies inside, and where to connect to.
    answers = iter([["127.0.0.2"], ["127.0.0.2"], ["127.0.0.2"], ["127.0.0.1"]])

    async def lookup(_: str) -> list[str]:
        return next(answers)

    async def fine(_: web.Request) -> web.Response:
        return web.Response(headers={"Connection": "close"})

    async with (
        http_server([web.post("/", fine)], host="127.0.0.2") as url,
        canary(port=int(url.rpartition(":")[2])) as bird,
        Outbound(allowed_networks=(ip_network("127.0.0.2/32"),), lookup=lookup) as outbound,
    ):
        channel = WebhookChannel(outbound, SETTINGS)
        verdicts = [(await send(channel, f"http://hooks.example:{bird.port}/")).verdict for _ in range(2)]

    assert verdicts == [Verdict.SENT, Verdict.REFUSED]
    assert bird.connections == 0


async def test_H78_a_public_receiver_is_not_called_without_tls() -> None:
    async def lookup(_: str) -> list[str]:
        return ["93.184.215.14"]

    async with Outbound(allowed_networks=LOOPBACK, lookup=lookup) as outbound:
        outcome = await send(WebhookChannel(outbound, SETTINGS), "http://hooks.example/")

    assert (outcome.verdict, "https://" in outcome.detail) == (Verdict.REFUSED, True)


async def silence(_: asyncio.StreamWriter) -> None:
    """Nothing, for ever."""
    await asyncio.Event().wait()


async def hang_up(_: asyncio.StreamWriter) -> None:
    """Not a word."""


@pytest.mark.parametrize("misbehave", [silence, hang_up])
async def test_H77_a_receiver_that_does_not_answer_is_in_trouble(channel: WebhookChannel, misbehave: Any) -> None:
    async with raw_server(misbehave) as url:
        outcome = await send(channel, url)

    assert (outcome.verdict, outcome.peer_trouble, outcome.status) == (Verdict.RETRY, True, None)
    assert outcome.detail


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 1000000000\r\n\r\n",
        b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"\r\n" + b"x" * 20_000,
        b"Content-Length: 10\r\n\r\nhalf",
    ],
    ids=["a gigabyte announced", "compressed", "long", "stuck"],
)
@pytest.mark.parametrize(("status", "verdict"), [(200, Verdict.SENT), (500, Verdict.RETRY), (410, Verdict.GONE)])
async def test_H77_the_status_counts_whatever_comes_after_it(
    channel: WebhookChannel, status: int, verdict: Verdict, rest: bytes
) -> None:
    """Who said 200 has the message: sending it again for a strange body would be our mistake."""

    async def strange(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 %d Whatever\r\n" % status + rest)
        await writer.drain()
        await silence(writer)

    async with raw_server(strange) as url:
        outcome = await send(channel, url)

    assert (outcome.verdict, outcome.status) == (verdict, status)
    assert len(outcome.response) <= 2_000


async def test_the_beginning_of_the_answer_is_kept_for_the_business(
    channel: WebhookChannel, receiver: Receiver
) -> None:
    receiver.answer = says(500, text="no\0 such column ü" + "é" * 3_000)

    outcome = await send(channel, receiver.url)

    assert outcome.response.startswith("no\ufffd such column ü")
    assert len(outcome.response) == 2_000


async def test_what_is_no_longer_ours_is_not_sent(channel: WebhookChannel, receiver: Receiver) -> None:
    outcome = await send(channel, receiver.url, may_send=lambda: False)

    assert (outcome.verdict, outcome.peer_trouble) == (Verdict.RETRY, False)
    assert receiver.headers == []


async def test_H81_a_slow_receiver_of_one_business_holds_up_no_other(receiver: Receiver) -> None:
    patient = SETTINGS.model_copy(update={"timeout_s": 60.0})  # a busy machine is no slow receiver
    async with raw_server(silence) as slow, Outbound(allowed_networks=LOOPBACK) as outbound:
        channel = WebhookChannel(outbound, patient)
        stuck = [asyncio.create_task(send(channel, slow)) for _ in range(100)]
        await asyncio.sleep(0)  # they are on their way first
        quick = await asyncio.gather(*[send(channel, receiver.url) for _ in range(20)])
        still_stuck = [not task.done() for task in stuck]
        for task in stuck:
            task.cancel()
        await asyncio.wait(stuck)

    assert {outcome.verdict for outcome in quick} == {Verdict.SENT}
    assert still_stuck == [True] * 100


def test_H83_a_body_says_what_happened_when_and_to_which_version() -> None:
    assert orjson.loads(BODY) == {
        "type": "appointment.rescheduled",
        "timestamp": "2027-02-01T09:00:00+00:00",
        "version": 3,
        "data": {
            "appointment": "apt_1@example.com",
            "sequence": 3,
            "actor": "customer",
            "start": "2027-03-01T09:00:00+00:00",
            "previous_start": "2027-03-01T08:00:00+00:00",
            "previous_end": None,
            "previous_provider": None,
            "reason": "Grüße 🦊",
        },
    }


async def test_H83_a_receiver_that_goes_by_the_version_ends_right_in_any_order(
    channel: WebhookChannel, receiver: Receiver
) -> None:
    """As docs/webhooks.md tells receivers to do it."""
    at = datetime.now(UTC)
    bodies = [webhook_body(kind=FACT.kind, payload={**FACT.payload(), "sequence": n}, at=at) for n in range(20)]
    random.Random(83).shuffle(bodies)
    for number, body in enumerate([*bodies, *bodies[:5]]):
        await send(channel, receiver.url, body=body, message_id=f"whd_{number}")

    latest = -1
    for _, event in receiver.verified:
        latest = max(latest, event["version"])

    assert len(receiver.verified) == 25
    assert latest == 19


def test_H83_receivers_are_told_of_events_and_fields_that_exist_and_that_order_is_not_promised() -> None:
    page = (Path(__file__).parents[2] / "docs/webhooks.md").read_text("utf-8")

    told = set(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", page, re.MULTILINE))
    fields = {name for name in FACT.payload() if name not in {"v", "attendee"}} | {
        "attendees",
        "customer",
    }  # people, not an id
    assert {name for name in told if name.startswith("data.")} == {f"data.{name}" for name in fields}
    assert {name for name in told if not name.startswith("data.")} <= set(Kind)
    assert "Order is not promised" in page
    assert f"After {MOST_ATTEMPTS} attempts" in page


def test_H83_a_body_that_is_about_no_appointment_has_no_version() -> None:
    body = webhook_body(kind=Kind.WEBHOOK_TEST, payload={"v": 1}, at=datetime(2027, 2, 1, tzinfo=UTC))

    assert orjson.loads(body) == {
        "type": "webhook.test",
        "timestamp": "2027-02-01T00:00:00+00:00",
        "version": None,
        "data": {},
    }
