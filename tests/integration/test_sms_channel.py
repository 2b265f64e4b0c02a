"""Text messages: to a local service that plays Twilio, and into the log; and to which numbers they may go."""

import base64
import hmac
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from server.channels.outcome import Outcome, Verdict
from server.channels.phone import masked, region_of, why_not_texted
from server.channels.sms import ConsoleSms, SmsChannel, TwilioSms
from server.outbound import ANYWHERE, Outbound
from server.settings import SmsSettings
from server.sms_signature import verify_twilio_signature
from server.store.deliveries import queue_due_reminders
from tests.peers.canary import canary
from tests.peers.twilio import Twilio, twilio
from tests.peers.webhook_receiver import http_server
from tests.world import World

GERMAN, FRENCH, AMERICAN = "+4915228817386", "+33612345678", "+12025550123"
STATUS_URL = "https://book.example/v1/inbound/sms-status"


@pytest.fixture
async def service() -> AsyncIterator[Twilio]:
    """The service on the other side."""
    async with twilio() as found:
        yield found


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    """For the operator's own URL."""
    async with Outbound(allowed_networks=ANYWHERE) as found:
        yield found


def settings_for(service: Twilio, **changed: Any) -> SmsSettings:
    """Settings that fit *service*."""
    fitting = {
        "channel": "twilio",
        "url": service.url,
        "account": service.account,
        "token": SecretStr(service.token),
        "sender": "+15005550006",
        "timeout_s": 2,
    }
    return SmsSettings(**{**fitting, **changed})


async def send(channel: SmsChannel, **changed: Any) -> Outcome:
    """One message."""
    message = {"to": GERMAN, "text": "Bis morgen um 9 & grüß Gott 🦊", "message_id": "whd_1", "may_send": lambda: True}
    return await channel.send(**{**message, **changed})


async def test_a_message_arrives_as_it_was_written(service: Twilio, outbound: Outbound) -> None:
    outcome = await send(TwilioSms(settings_for(service), outbound, status_url=STATUS_URL))

    assert (outcome.verdict, outcome.status, outcome.remote_id) == (Verdict.SENT, 201, f"SM{1:032}")
    assert service.messages == [
        {
            "To": GERMAN,
            "From": "+15005550006",
            "Body": "Bis morgen um 9 & grüß Gott 🦊",
            "StatusCallback": STATUS_URL + "/whd_1",
        }
    ]


async def test_a_messaging_service_sends_in_the_place_of_a_number(service: Twilio, outbound: Outbound) -> None:
    await send(TwilioSms(settings_for(service, sender="MG" + "0a" * 16), outbound, status_url=STATUS_URL))

    assert service.messages[0]["MessagingServiceSid"] == "MG" + "0a" * 16


@pytest.mark.parametrize(
    ("status", "code", "verdict", "trouble"),
    [
        *((400, code, Verdict.REFUSED, False) for code in (21211, 21408, 21610, 21612, 21614, 21617, 21635)),
        *((400, code, Verdict.RETRY, True) for code in (21606, 21608, 21659)),
        (404, 20404, Verdict.RETRY, False),
        (500, 21211, Verdict.RETRY, True),
        (503, 20503, Verdict.RETRY, True),
    ],
)
async def test_only_what_will_never_work_is_refused(
    service: Twilio, outbound: Outbound, *, status: int, code: int, verdict: Verdict, trouble: bool
) -> None:
    service.fail = (status, code, {})

    outcome = await send(TwilioSms(settings_for(service), outbound, status_url=STATUS_URL))

    assert (outcome.verdict, outcome.status, outcome.peer_trouble) == (verdict, status, trouble)


async def test_a_service_that_is_asked_too_often_says_when_to_come_back(service: Twilio, outbound: Outbound) -> None:
    service.fail = (429, 20429, {"Retry-After": "30"})

    outcome = await send(TwilioSms(settings_for(service), outbound, status_url=STATUS_URL))

    assert (outcome.verdict, outcome.retry_after_s, outcome.peer_trouble) == (Verdict.RETRY, 30, True)


async def test_a_wrong_token_is_trouble_that_the_operator_can_mend(service: Twilio, outbound: Outbound) -> None:
    channel = TwilioSms(settings_for(service, token=SecretStr("wrong")), outbound, status_url=STATUS_URL)

    outcome = await send(channel)

    assert (outcome.verdict, outcome.status, outcome.peer_trouble) == (Verdict.RETRY, 401, True)
    assert service.messages == []


async def test_a_service_that_is_away_is_tried_again(service: Twilio, outbound: Outbound) -> None:
    async with canary() as bird:
        settings = settings_for(service, url=f"http://127.0.0.1:{bird.port}")
        outcome = await send(TwilioSms(settings, outbound, status_url=STATUS_URL))

    assert (outcome.verdict, outcome.peer_trouble) == (Verdict.RETRY, True)


@pytest.mark.parametrize("answer", ["", "<html>", "[]", "null", '{"code": "21211"}', '{"code": [1]}'])
@pytest.mark.parametrize(("status", "verdict"), [(201, Verdict.SENT), (400, Verdict.RETRY)])
async def test_an_answer_that_is_not_as_documented_is_taken_by_its_status(
    outbound: Outbound, answer: str, status: int, verdict: Verdict
) -> None:
    async def odd(_: web.Request) -> web.Response:
        return web.Response(status=status, text=answer)

    async with http_server([web.post("/{rest:.*}", odd)]) as url:
        settings = SmsSettings(channel="twilio", url=url, account="AC", token=SecretStr("t"), sender="+15005550006")
        outcome = await send(TwilioSms(settings, outbound, status_url=STATUS_URL))

    assert outcome.verdict is verdict


async def test_what_is_no_longer_ours_is_not_sent(service: Twilio, outbound: Outbound) -> None:
    for channel in (TwilioSms(settings_for(service), outbound, status_url=STATUS_URL), ConsoleSms(SmsSettings())):
        assert (await send(channel, may_send=lambda: False)).verdict is Verdict.RETRY

    assert service.messages == []


@pytest.mark.parametrize("number", ["+19005550123", FRENCH])
async def test_G73_a_number_that_may_not_be_texted_never_reaches_the_service(
    service: Twilio, outbound: Outbound, number: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = settings_for(service, countries=("DE", "US"))
    for channel in (TwilioSms(settings, outbound, status_url=STATUS_URL), ConsoleSms(settings)):
        outcome = await send(channel, to=number)
        assert outcome.verdict is Verdict.REFUSED
        assert number not in outcome.detail

    assert service.messages == []
    assert "SMS to" not in caplog.text


async def test_the_console_shows_the_text_and_three_digits(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    outcome = await send(ConsoleSms(SmsSettings()))

    assert outcome.verdict is Verdict.SENT
    assert "SMS to …386: Bis morgen" in caplog.text
    assert GERMAN[:-3] not in caplog.text


@pytest.mark.parametrize(
    ("number", "what"),
    [
        ("+19005550123", "premium rate"),
        ("+41900123456", "premium rate"),
        ("+448712345678", "shared or premium"),
        ("+447012345678", "personal number: forwarded at the caller's cost"),
        ("+18005550123", "toll-free"),
        ("+493023125000", "landline"),
        ("+979123456789", "international premium rate"),
        ("+8816123456789", "satellite"),
        ("+883510000000001", "international VoIP"),
        ("+447700900123", "not given to anybody"),
        ("0152 28817386", "no country code"),
        ("", "nothing"),
        ("+", "nothing"),
        ("+49" + "1" * 300, "too long"),
        ("\0", "not a number"),
    ],
)
def test_G73_only_mobile_numbers_are_texted(number: str, what: str) -> None:
    assert why_not_texted(number, countries=()), what


@pytest.mark.parametrize("number", [GERMAN, FRENCH, AMERICAN])
def test_G73_an_ordinary_mobile_number_is_texted_where_its_country_is_allowed(number: str) -> None:
    assert why_not_texted(number, countries=()) is None
    assert why_not_texted(number, countries=("DE", "FR", "US")) is None
    assert why_not_texted(number, countries=("GB",))


def test_a_number_is_read_as_people_write_it() -> None:
    assert region_of(GERMAN) == "DE"
    assert region_of("+8816123456789") is None
    assert masked(GERMAN) == "…386"


@pytest.mark.parametrize("text", ["", "0152 28817386", "call me", "+1", "+999 123456789", "+4915" + "2" * 50])
def test_what_is_no_number_is_said_to_be_none(text: str) -> None:
    assert why_not_texted(text, countries=()) is not None


async def test_H82_a_status_callback_is_believed_with_the_right_signature_only(
    service: Twilio, outbound: Outbound
) -> None:
    async def receive(request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        signature = request.headers["X-Twilio-Signature"]
        believed = verify_twilio_signature(service.token, str(request.url), form, signature)
        return web.Response(status=204 if believed else 403)

    async with http_server([web.post("/status/{message}", receive)]) as url:
        await send(TwilioSms(settings_for(service), outbound, status_url=url + "/status"), message_id="a-b")
        genuine, form = await service.call_back(1, "delivered")
        forged, _ = await service.call_back(1, "delivered", token="another")

    assert (genuine, forged) == (204, 403)
    assert form["MessageSid"] == f"SM{1:032}"


def test_H82_the_signature_covers_the_url_and_every_field() -> None:
    """The worked example of Twilio's documentation of request validation."""
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8="

    assert verify_twilio_signature("12345", url, form, signature)
    assert not verify_twilio_signature("12346", url, form, signature)
    assert not verify_twilio_signature("12345", url + "&x=1", form, signature)
    assert not verify_twilio_signature("12345", url, {**form, "Digits": "1235"}, signature)
    assert not verify_twilio_signature("12345", url, {**form, "More": ""}, signature)
    for wrong in ("", "ü", "\udcff", signature + "=", signature.lower()):
        assert not verify_twilio_signature("12345", url, form, wrong)


def test_H82_without_a_token_nothing_is_believed() -> None:
    """Not even what was signed with the empty one."""
    signature = base64.b64encode(hmac.digest(b"", b"https://x.example/", "sha1")).decode()

    assert not verify_twilio_signature("", "https://x.example/", {}, signature)


async def test_a_reminder_by_sms_to_a_provider_goes_to_their_phone_and_to_nothing_else(own_world: World) -> None:
    rule = {"offset_min": 60, "channel": "sms", "recipient": "provider"}
    await own_world.service(providers=[], reminders=[rule])
    await own_world.service("colour", providers=[], reminders=[rule])
    for slug, service, phone in (("anna", "cut", GERMAN), ("ben", "colour", "")):
        await own_world.provider(slug, email=f"{slug}@example.com", phone=phone)
        await own_world.sql(
            "INSERT INTO provider_services (business_id, provider_id, service_id) SELECT p.business_id, p.id, s.id"
            " FROM providers p, services s WHERE p.business_id = $1 AND s.business_id = $1"
            " AND p.slug = $2 AND s.slug = $3",
            own_world.business_id,
            slug,
            service,
        )
        await own_world.book(own_world.at(10), service=service, provider=slug)
    await own_world.sql("UPDATE reminders SET due_at = clock_timestamp() WHERE recipient = 'provider'")

    async with own_world.core.database.reading() as session:
        assert await queue_due_reminders(session, 10, stale_after_min=60) == (2, 1)

    sent = await own_world.sql("SELECT channel, recipient, target FROM deliveries WHERE channel = 'sms'")
    assert [tuple(row) for row in sent] == [("sms", "provider", GERMAN)]
