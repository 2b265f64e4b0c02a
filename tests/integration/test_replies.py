"""Answers to invitations, over real SMTP and the signed webhook into a real Postgres."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiosmtplib
import pytest
from aiohttp import web
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from server.app import build_app
from server.domain.appointment import Booked
from server.domain.replies import INVITES_PER_DAY
from server.settings import DatabaseSettings, InboundSettings, MailSettings
from server.store.engine import Database
from server.tokens import ReplyAddress, Vault
from server.usecases.core import Core
from server.usecases.places import target_of_token
from server.usecases.receive_mail import receive_mail
from server.usecases.receive_reply import Received
from server.usecases.reschedule import reschedule
from server.web.access import Who
from server.web.inbound_mail import receive_inbound_mail
from server.web.route import Route, as_handler
from server.worker.inbound_mail import listening
from tests.samples.answers import Sample
from tests.world import SECRET, World, no_key, settings_for

_DOMAIN = "bookings.example"
_WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"a secret of the tests, 32 bytes.").decode()
_MAX_BYTES = 200_000
_INBOUND = InboundSettings(port=0, max_bytes=_MAX_BYTES, webhook_secret=SecretStr(_WEBHOOK_SECRET))


class _Invited:
    """A booking whose customer answers by mail."""

    def __init__(self, world: World, booked: Booked, attendee: Any) -> None:
        self.world = world
        self.booked = booked
        self.attendee = attendee
        self.address = world.core.vault.reply_address(
            world.business_id, attendee["id"], attendee["token_salt"], _DOMAIN
        )

    def sample(self, **changes: Any) -> Sample:
        appointment = self.booked.appointment
        sample = Sample(
            to=self.address,
            attendee=self.attendee["email"],
            uid=str(appointment.uid),
            start=appointment.start,
            lasts=appointment.end - appointment.start,
            stamp=datetime.now(UTC).replace(microsecond=0),
        )
        return sample.but(**changes)

    async def hears(self, mail: bytes) -> Received:
        """The use-case, without a wire."""
        return await receive_mail(self.world.core, mail, domain=_DOMAIN, limit=_MAX_BYTES)

    async def state(self) -> tuple[str, datetime, int, str, bool]:
        """Status, start, sequence, PARTSTAT, whether the place was given up."""
        rows = await self.world.sql(
            "SELECT a.status, a.starts_at, a.sequence, t.partstat, t.cancelled_at IS NOT NULL FROM attendees t"
            " JOIN appointments a ON a.id = t.appointment_id WHERE t.id = $1",
            self.attendee["id"],
        )
        return tuple(rows[0])

    async def facts(self) -> list[str]:
        """Kinds of the facts after the booking, in their order."""
        rows = await self.world.sql(
            "SELECT kind FROM outbox WHERE business_id = $1 AND kind <> 'appointment.booked' ORDER BY id",
            self.world.business_id,
        )
        return [row["kind"] for row in rows]


async def _invite(world: World, hour: int = 10, **more: Any) -> _Invited:
    booked = await world.book(world.at(hour), **more)
    rows = await world.sql(
        "SELECT t.id, t.email, t.token_salt FROM attendees t JOIN appointments a ON a.id = t.appointment_id"
        " WHERE a.business_id = $1 AND a.uid = $2 ORDER BY t.id DESC LIMIT 1",
        world.business_id,
        booked.appointment.uid,
    )
    return _Invited(world, booked, rows[0])


@pytest.fixture
async def invited(world: World) -> _Invited:
    """Somebody with an appointment at ten in a week."""
    return await _invite(world)


@asynccontextmanager
async def _smtp(core: Core) -> AsyncIterator[aiosmtplib.SMTP]:
    """A mail server that has connected to our listener."""
    async with listening(_INBOUND, core, _DOMAIN) as listener:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=listener.port, start_tls=False, timeout=5)
        async with client:
            yield client


@pytest.mark.parametrize("program", ["gmail", "outlook", "apple"])
async def test_c037_the_yes_of_each_program_over_smtp_is_noted_once(invited: _Invited, program: str):
    before = await invited.state()
    mail = invited.sample().mail(f"{program}-reply")

    async with _smtp(invited.world.core) as client:
        for _ in range(2):
            await client.sendmail(invited.attendee["email"], invited.address, mail)

    status, start, sequence, partstat, gone = await invited.state()
    assert (status, start, sequence, gone) == (before[0], before[1], before[2], False)
    assert partstat == "ACCEPTED"
    assert await invited.facts() == ["appointment.answered"]


async def test_c037_the_fact_of_an_answer_says_who_answered_what(invited: _Invited):
    await invited.hears(invited.sample(partstat="TENTATIVE").mail("outlook-reply"))

    rows = await invited.world.sql(
        "SELECT payload FROM outbox WHERE business_id = $1 AND kind = 'appointment.answered'", invited.world.business_id
    )
    payload = rows[0]["payload"]
    assert payload["attendee"] == invited.attendee["id"]
    assert (payload["partstat"], payload["actor"]) == ("TENTATIVE", "customer")
    assert payload["reason"] == "Vielleicht, ich sage noch Bescheid. Grüße"


async def test_c037_a_no_in_time_cancels_once_and_frees_the_time(invited: _Invited):
    mail = invited.sample(partstat="DECLINED").mail("gmail-reply")

    assert [await invited.hears(mail), await invited.hears(mail)] == [Received.CANCELLED, Received.WITHOUT_EFFECT]

    status, _, sequence, partstat, gone = await invited.state()
    assert (status, sequence, partstat, gone) == ("cancelled", 1, "DECLINED", True)
    assert await invited.facts() == ["appointment.cancelled"]
    await invited.world.book(invited.booked.appointment.start)
    assert await invited.world.misclaimed() == []


async def test_c037_the_same_no_many_times_at_once_cancels_once(invited: _Invited):
    mail = invited.sample(partstat="DECLINED").mail("apple-reply")

    received = await asyncio.gather(*(invited.hears(mail) for _ in range(8)))

    assert sorted(received) == sorted([Received.CANCELLED, *[Received.WITHOUT_EFFECT] * 7])
    assert await invited.facts() == ["appointment.cancelled"]


async def test_c037_the_same_yes_many_times_at_once_is_noted_once(invited: _Invited):
    mail = invited.sample().mail("apple-reply")

    received = await asyncio.gather(*(invited.hears(mail) for _ in range(8)))

    assert sorted(received) == sorted([Received.NOTED, *[Received.WITHOUT_EFFECT] * 7])
    assert await invited.facts() == ["appointment.answered"]


@pytest.mark.parametrize("fee", [0, 1_500])
async def test_c037_a_no_that_is_too_late_or_would_cost_is_noted_and_cancels_nothing(core: Core, fee: int):
    world = await World.make(core)
    await world.service(change_window_min=60 * 24 * 30, cancel_fee_minor=fee)
    invited = await _invite(world)

    assert await invited.hears(invited.sample(partstat="DECLINED").mail("outlook-reply")) is Received.NOTED

    status, _, sequence, partstat, gone = await invited.state()
    assert (status, sequence, partstat, gone) == ("confirmed", 0, "DECLINED", False)
    assert await invited.facts() == ["appointment.answered"]


async def test_c037_a_no_in_a_class_gives_up_one_place_of_several(core: Core):
    world = await World.make(core)
    await world.service(capacity=5)
    stays = await _invite(world)
    goes = await _invite(world)

    assert await goes.hears(goes.sample(partstat="DECLINED").mail("gmail-reply")) is Received.CANCELLED

    assert (await goes.state())[4] is True
    assert (await stays.state())[0] == "confirmed"
    assert (await stays.state())[4] is False
    assert await goes.facts() == ["appointment.attendee_left"]


async def test_c037_an_older_answer_that_comes_late_does_not_undo_the_newer(invited: _Invited):
    newer = invited.sample(partstat="TENTATIVE")
    older = newer.but(partstat="ACCEPTED", stamp=newer.stamp - timedelta(minutes=5))
    await invited.hears(newer.mail("gmail-reply"))

    assert await invited.hears(older.mail("gmail-reply")) is Received.WITHOUT_EFFECT
    assert (await invited.state())[3] == "TENTATIVE"


@pytest.mark.parametrize("partstat", ["ACCEPTED", "DECLINED"])
async def test_c038_an_answer_to_an_older_time_has_no_effect_on_the_newer(invited: _Invited, partstat: str):
    world = invited.world
    target = await target_of_token(world.core, invited.booked.manage_token)
    await reschedule(world.core, target, world.at(15), no_key())
    before = await invited.state()

    received = await invited.hears(invited.sample(sequence=0, partstat=partstat).mail("gmail-reply"))

    assert received is Received.WITHOUT_EFFECT
    assert await invited.state() == before
    assert await invited.facts() == ["appointment.rescheduled"]


async def _refused(invited: _Invited, mail: bytes, caplog: pytest.LogCaptureFixture) -> None:
    before = await invited.state()
    caplog.clear()

    assert await invited.hears(mail) is Received.REFUSED
    assert "refused" in caplog.text
    assert "evil.example" not in caplog.text
    assert await invited.state() == before
    assert await invited.facts() == []


async def test_c039_an_answer_of_somebody_else_is_refused_and_logged(
    invited: _Invited, caplog: pytest.LogCaptureFixture
):
    theirs = invited.attendee["email"].encode()
    genuine = invited.sample(partstat="DECLINED").mail("gmail-reply")

    forged_sender = genuine.replace(b"From: Robin Example <" + theirs, b"From: Robin Example <eve@evil.example")
    forged_attendee = genuine.replace(b"mailto:" + theirs, b"mailto:eve@evil.example")
    other_uid = invited.sample(partstat="DECLINED", uid="0198c7a2-0000-7000-8000-000000000000").mail("gmail-reply")

    for mail in (forged_sender, forged_attendee, other_uid, genuine.replace(b"BEGIN:VEVENT", b"BEGIN:VTODO")):
        assert mail != genuine
        await _refused(invited, mail, caplog)


async def test_c039_the_address_of_another_customer_does_not_open_this_appointment(
    invited: _Invited, caplog: pytest.LogCaptureFixture
):
    other = await _invite(invited.world, 14)

    mail = invited.sample(partstat="DECLINED", to=other.address).mail("apple-reply")

    before = await invited.state()
    assert await other.hears(mail) is Received.REFUSED
    assert "refused" in caplog.text
    assert await invited.state() == before
    assert (await other.state())[0] == "confirmed"


async def test_c039_an_address_that_we_never_gave_out_is_unknown_at_the_door(invited: _Invited):
    local, _, domain = invited.address.partition("@")
    flipped = local[:-1] + ("a" if local[-1] != "a" else "b")
    other_attendee = local.replace(f"-{invited.attendee['id']:x}-", f"-{invited.attendee['id'] + 1:x}-")

    async with _smtp(invited.world.core) as client:
        for stranger in (
            f"{flipped}@{domain}",
            f"{other_attendee}@{domain}",
            f"{local}@evil.example",
            "info@" + domain,
        ):
            with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
                await client.sendmail(invited.attendee["email"], stranger, b"Subject: x\r\n\r\nx\r\n")
            assert refused.value.recipients[0].code == 550


async def test_c039_the_case_of_the_address_does_not_matter_and_an_older_secret_still_opens_it(
    invited: _Invited, core: Core
):
    newer = replace(core, vault=Vault(["a newer secret that everything is made with 0123", SECRET]))
    mail = invited.sample().mail("gmail-reply")

    async with _smtp(newer) as client:
        await client.sendmail(invited.attendee["email"], invited.address.upper(), mail)

    assert (await invited.state())[3] == "ACCEPTED"


async def test_c039_a_reply_address_fits_into_a_local_part_and_is_another_for_each_attendee(core: Core):
    vault = core.vault
    most = 2**52

    addresses = {
        vault.reply_address(b, a, salt, _DOMAIN) for b in (1, most) for a in (1, most) for salt in (b"x", b"y")
    }

    assert len(addresses) == 8
    assert all(len(address.partition("@")[0]) <= 64 and address == address.lower() for address in addresses)
    one = ReplyAddress.parse(vault.reply_address(1, most, b"x", _DOMAIN), _DOMAIN)
    assert one is not None
    assert (one.business_id, one.attendee_id) == (1, most)
    assert vault.is_reply_address(one, b"x")
    assert not vault.is_reply_address(one, b"y")
    assert not vault.is_reply_address(replace(one, business_id=2), b"x")
    assert ReplyAddress.parse("reply+" + "f" * 40 + "-1-" + "a" * 26 + "@" + _DOMAIN, _DOMAIN) is None


@pytest.mark.parametrize("program", ["outlook", "thunderbird"])
async def test_c040_a_proposal_of_a_free_time_moves_the_appointment_once(invited: _Invited, program: str):
    mail = invited.sample(start=invited.world.at(15)).mail(f"{program}-counter")

    async with _smtp(invited.world.core) as client:
        for _ in range(2):
            await client.sendmail(invited.attendee["email"], invited.address, mail)

    status, start, sequence, _, gone = await invited.state()
    assert (status, start, sequence, gone) == ("confirmed", invited.world.at(15), 1, False)
    assert await invited.facts() == ["appointment.rescheduled"]
    assert await invited.world.misclaimed() == []


async def test_c040_a_proposal_of_a_taken_time_is_declined_once(invited: _Invited):
    await invited.world.book(invited.world.at(15))
    before = await invited.state()
    mail = invited.sample(start=invited.world.at(15)).mail("outlook-counter")

    received = [await invited.hears(mail), await invited.hears(mail)]

    assert received == [Received.COUNTER_DECLINED, Received.WITHOUT_EFFECT]
    assert await invited.state() == before
    assert await invited.facts() == ["appointment.counter_declined"]
    assert await invited.world.doubles() == 0


async def test_c040_of_many_who_propose_one_time_one_gets_it(world: World):
    everyone = [await _invite(world, hour) for hour in (9, 10, 11, 12)]
    mails = [each.sample(start=world.at(15)).mail("thunderbird-counter") for each in everyone]

    received = await asyncio.gather(*(each.hears(mail) for each, mail in zip(everyone, mails, strict=True)))

    assert sorted(received) == sorted([Received.MOVED, *[Received.COUNTER_DECLINED] * 3])
    assert await world.doubles() == 0
    assert await world.misclaimed() == []


@pytest.mark.parametrize("start", ["at night", "too late to change", "another length"])
async def test_c040_a_proposal_against_the_rules_is_declined(core: Core, start: str):
    world = await World.make(core)
    await world.service(change_window_min=60 * 24 * 30 if start == "too late to change" else 0)
    invited = await _invite(world)
    sample = invited.sample(start=world.at(3 if start == "at night" else 15))
    if start == "another length":
        sample = sample.but(lasts=timedelta(hours=2))

    assert await invited.hears(sample.mail("thunderbird-counter")) is Received.COUNTER_DECLINED

    assert (await invited.state())[1] == world.at(10)
    assert await invited.facts() == ["appointment.counter_declined"]


async def test_c041_the_invitation_is_sent_again_a_few_times_a_day(invited: _Invited):
    before = await invited.state()

    received = [await invited.hears(invited.sample().mail("evolution-refresh")) for _ in range(INVITES_PER_DAY + 2)]

    assert received == [Received.INVITED_AGAIN] * INVITES_PER_DAY + [Received.WITHOUT_EFFECT] * 2
    assert await invited.facts() == ["appointment.invite_requested"] * INVITES_PER_DAY
    assert await invited.state() == before


@pytest.mark.parametrize("name", ["exchange-out-of-office", "bounce"])
async def test_c042_auto_replies_and_bounces_change_nothing(invited: _Invited, name: str):
    before = await invited.state()

    async with _smtp(invited.world.core) as client:
        await client.sendmail(invited.attendee["email"], invited.address, invited.sample().mail(name))

    assert await invited.state() == before
    assert await invited.facts() == []


async def test_c042_an_answer_in_an_envelope_without_a_sender_changes_nothing(invited: _Invited):
    before = await invited.state()

    async with _smtp(invited.world.core) as client:
        await client.ehlo()
        await client.execute_command(b"MAIL FROM:<>")
        await client.rcpt(invited.address)
        response = await client.data(invited.sample(partstat="DECLINED").mail("apple-reply"))

    assert response.code == 250
    assert await invited.state() == before


async def test_while_postgres_is_away_the_sender_keeps_the_mail(invited: _Invited, core: Core):
    away = await Database.open(DatabaseSettings(url="postgresql://nobody@127.0.0.1:1/nothing"))
    mail = invited.sample().mail("gmail-reply")

    async with _smtp(replace(core, database=away)) as client:
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
            await client.sendmail(invited.attendee["email"], invited.address, mail)
    await away.close()

    assert refused.value.recipients[0].code == 451
    assert (await invited.state())[3] == "NEEDS-ACTION"


async def test_a_mail_that_is_too_large_is_refused_and_the_next_one_is_read(invited: _Invited):
    async with _smtp(invited.world.core) as client:
        await client.ehlo()
        await client.mail(invited.attendee["email"])
        await client.rcpt(invited.address)
        with pytest.raises(aiosmtplib.SMTPDataError) as refused:
            await client.data(b"From: a@b.example\r\n\r\n" + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 3_000)
        assert refused.value.code == 552
        await client.sendmail(invited.attendee["email"], invited.address, invited.sample().mail("gmail-reply"))

    assert (await invited.state())[3] == "ACCEPTED"


async def test_one_mail_is_for_one_recipient(invited: _Invited):
    other = await _invite(invited.world, 14)

    async with _smtp(invited.world.core) as client:
        await client.ehlo()
        await client.mail(invited.attendee["email"])
        await client.rcpt(invited.address)
        with pytest.raises(aiosmtplib.SMTPRecipientRefused) as refused:
            await client.rcpt(other.address)

    assert refused.value.code == 452


async def test_one_attendee_cannot_flood_us(invited: _Invited):
    mail = b"From: a@b.example\r\n\r\nHello\r\n"

    async with _smtp(invited.world.core) as client:
        for _ in range(20):
            await client.sendmail("a@b.example", invited.address, mail)
        with pytest.raises(aiosmtplib.SMTPDataError) as refused:
            await client.sendmail("a@b.example", invited.address, mail)

    assert refused.value.code == 451


async def test_a_connection_too_many_is_sent_away_and_the_others_go_on(core: Core):
    async with listening(_INBOUND, core, _DOMAIN) as listener:
        opened = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(51)]
        greetings = [(await reader.readline())[:3] for reader, _ in opened]
        for _, writer in opened:
            writer.close()

    assert sorted(greetings) == [b"220"] * 50 + [b"421"]


@pytest.fixture
def inbound_app(database_url: str, redis_url: str) -> web.Application:
    """The web application, with a secret for mail that is handed over."""
    settings = settings_for(database_url, redis_url, inbound=_INBOUND, mail=MailSettings(reply_domain=_DOMAIN))
    return _with_route(build_app(settings))


def _with_route(app: web.Application) -> web.Application:
    path = "/v1/inbound/mail"
    if not any(route.resource and route.resource.canonical == path for route in app.router.routes()):
        route = Route("POST", path, Who.PUBLIC, receive_inbound_mail, "Inbound", "Hand over a mail")
        app.router.add_post(path, as_handler(route))
    return app


def _signed(mail: bytes, *, secret: str = _WEBHOOK_SECRET, at: datetime | None = None) -> dict[str, str]:
    moment = at or datetime.now(UTC)
    signature = Webhook(secret).sign("msg_1", moment, mail.decode())
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
        "Content-Type": "message/rfc822",
    }


async def test_a_mail_that_is_handed_over_with_a_signature_is_taken(
    invited: _Invited, inbound_app: web.Application, aiohttp_client: Any
):
    client = await aiohttp_client(inbound_app)
    mail = invited.sample().mail("apple-reply")

    response = await client.post("/v1/inbound/mail", data=mail, headers=_signed(mail))

    assert (response.status, await response.read()) == (204, b"")
    assert (await invited.state())[3] == "ACCEPTED"


async def test_a_mail_for_nobody_is_not_found(invited: _Invited, inbound_app: web.Application, aiohttp_client: Any):
    client = await aiohttp_client(inbound_app)
    mail = invited.sample(to=f"info@{_DOMAIN}").mail("apple-reply")

    response = await client.post("/v1/inbound/mail", data=mail, headers=_signed(mail))

    assert response.status == 404


async def test_H82_a_mail_without_our_signature_is_not_believed(
    invited: _Invited, inbound_app: web.Application, aiohttp_client: Any
):
    client = await aiohttp_client(inbound_app)
    mail = invited.sample(partstat="DECLINED").mail("gmail-reply")
    genuine = _signed(mail)
    other = "whsec_" + base64.b64encode(b"some other secret of 32 bytes...").decode()
    forged = [
        {},
        _signed(mail, secret=other),
        _signed(mail, at=datetime.now(UTC) - timedelta(minutes=10)),
        _signed(mail + b"x"),
        {**genuine, "webhook-signature": "v1"},
        {**genuine, "webhook-signature": "v1,%%%"},
        {**genuine, "webhook-timestamp": "soon"},
    ]

    for headers in forged:
        response = await client.post("/v1/inbound/mail", data=mail, headers=headers)
        assert response.status == 401
    response = await client.post("/v1/inbound/mail", data=b"\xff" + mail, headers=genuine)
    assert response.status == 401

    assert (await invited.state())[0] == "confirmed"


async def test_a_body_that_is_too_large_is_refused(inbound_app: web.Application, aiohttp_client: Any):
    client = await aiohttp_client(inbound_app)

    response = await client.post("/v1/inbound/mail", data=b"x" * (_MAX_BYTES + 1))

    assert response.status == 413


async def test_without_a_secret_there_is_nothing_here(database_url: str, redis_url: str, aiohttp_client: Any):
    settings = settings_for(database_url, redis_url, mail=MailSettings(reply_domain=_DOMAIN))
    client = await aiohttp_client(_with_route(build_app(settings)))

    response = await client.post("/v1/inbound/mail", data=b"x", headers=_signed(b"x"))

    assert response.status == 404


async def test_while_postgres_is_away_a_mail_is_not_taken(invited: _Invited, aiohttp_client: Any):
    settings = settings_for(
        "postgresql://nobody@127.0.0.1:1/nothing", inbound=_INBOUND, mail=MailSettings(reply_domain=_DOMAIN)
    )
    client = await aiohttp_client(_with_route(build_app(settings)))
    mail = invited.sample().mail("apple-reply")

    response = await client.post("/v1/inbound/mail", data=mail, headers=_signed(mail))

    assert response.status == 503
    assert "Retry-After" in response.headers
