"""A booking's mails over real SMTP: what Gmail, Outlook and Apple Mail need to update a calendar by themselves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

import icalendar
import pytest
from aiosmtpd.smtp import SMTP

from server.channels.mail import FolderMailer, Mailer, open_transport
from server.channels.outcome import Verdict
from server.domain.lifecycle import Step
from server.settings import MailSettings
from server.usecases.cancel import cancel
from server.usecases.decide import decide
from server.usecases.places import target_of_staff, target_of_token
from server.usecases.reschedule import reschedule
from server.usecases.sweep import sweep
from server.worker.mails import MailSender
from server.worker.pump import Lane, Pump
from tests.world import World, no_key, settings_for


@dataclass
class Post:
    """A mail server that answers as the test wants."""

    port: int = 0
    answer: str = "250 taken"
    drops: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        if self.answer.startswith("250"):
            self.mails.append(BytesParser(_class=EmailMessage, policy=default).parsebytes(envelope.content))
            self.recipients.append(envelope.rcpt_tos)
        if self.drops:
            server.transport.close()
        return self.answer


@asynccontextmanager
async def posted() -> AsyncIterator[Post]:
    post = Post()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(post, hostname="mx.example", loop=loop), "127.0.0.1", 0)
    post.port = server.sockets[0].getsockname()[1]
    yield post
    server.close()


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    async with posted() as post:
        yield post


def mail_settings(post: Post, **changed: Any) -> MailSettings:
    """
    Those of a relay on this machine.

    Mails to one address are counted across businesses, and tests share a database: the bound is high unless it is what
    a test is about.
    """
    given = {"host": "127.0.0.1", "port": post.port, "tls": "none", "sender": "bookings@book.example", "timeout_s": 3}
    return MailSettings(**{**given, "unproved_per_address_day": 1_000, **changed})


@asynccontextmanager
async def mailing(world: World, post: Post, **changed: Any) -> AsyncIterator[Pump]:
    """A pump whose mails go to *post*."""
    settings = settings_for("postgresql://unused/unused", mail=mail_settings(post, **changed))
    async with Mailer(settings.mail) as transport:
        sender = MailSender(transport, world.core.vault, settings)
        yield Pump(world.core, [Lane({"mail": sender}, 5, per_peer=5)], settings.worker)


def calendar_of(mail: EmailMessage) -> tuple[str, icalendar.Event]:
    """The method that the mail names, and the event in its calendar part."""
    part = next(part for part in mail.walk() if part.get_content_type() == "text/calendar")
    document = icalendar.Calendar.from_ical(part.get_content())
    assert str(part.get_param("method")) == str(document["METHOD"])
    return str(document["METHOD"]), document.events[0]


def text_of(mail: EmailMessage) -> str:
    """The mail as it is read without HTML."""
    body = mail.get_body(("plain",))
    assert body is not None, "every mail has one"
    return str(body.get_content())


@pytest.fixture
async def shop(own_world: World) -> World:
    await own_world.service()
    return own_world


async def test_c031_c034_c035_an_invitation_moves_and_withdraws_itself(shop: World, post: Post) -> None:
    booked = await shop.book(shop.at(10), email="robin@example.org")
    async with mailing(shop, post) as pump:
        await pump.drain()
        await reschedule(shop.core, await target_of_token(shop.core, booked.manage_token), shop.at(11), no_key())
        await pump.drain()
        await cancel(shop.core, await target_of_token(shop.core, booked.manage_token), no_key())
        await pump.drain()
    steps = [calendar_of(mail) for mail in post.mails]
    assert [method for method, _ in steps] == ["REQUEST", "REQUEST", "CANCEL"]
    events = [event for _, event in steps]
    assert {str(event["UID"]) for event in events} == {str(booked.appointment.uid)}
    assert [int(event["SEQUENCE"]) for event in events] == [0, 1, 2]
    assert [event.start for event in events] == [shop.at(10), shop.at(11), shop.at(11)]
    assert str(events[2]["STATUS"]) == "CANCELLED"
    first = post.mails[0]
    assert [part.get_content_type() for part in first.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/calendar",
        "application/ics",
    ]
    assert post.recipients == [["robin@example.org"]] * 3


async def test_c032_c033_the_organizer_is_the_sender_and_the_only_attendee_the_reader(shop: World, post: Post) -> None:
    await shop.book(shop.at(10), email="robin@example.org")
    async with mailing(shop, post, reply_domain="replies.example") as pump:
        await pump.drain()
    mail = post.mails[0]
    sender = mail["From"].addresses[0].addr_spec
    _, event = calendar_of(mail)
    assert str(event["ORGANIZER"]) == f"mailto:{sender}"
    assert str(event["ATTENDEE"]) == "mailto:robin@example.org"
    assert sender.startswith("reply+")
    assert sender.endswith("@replies.example")
    assert mail["Reply-To"].addresses[0].addr_spec == sender
    assert mail["Auto-Submitted"] == "auto-generated"


async def test_G68_a_name_with_line_breaks_reaches_one_recipient_only(shop: World, post: Post) -> None:
    await shop.book(shop.at(10), email="robin@example.org")
    await shop.sql("UPDATE attendees SET name = E'Robin\\r\\nBcc: all@example.org\\r\\n\\r\\nBEGIN:VCALENDAR'")
    async with mailing(shop, post) as pump:
        await pump.drain()
    assert post.recipients == [["robin@example.org"]]
    assert post.mails[0]["Bcc"] is None


async def test_G69_C046_a_mail_that_comes_twice_has_one_message_id(shop: World, post: Post) -> None:
    await shop.book(shop.at(10))
    post.drops = True
    async with mailing(shop, post) as pump:
        await pump.drain()
        rows = await shop.sql("SELECT state, detail FROM deliveries")
        assert rows[0]["state"] == "retrying"
        assert "may have arrived" in rows[0]["detail"]
        post.drops = False
        await shop.sql("UPDATE deliveries SET due_at = clock_timestamp()")
        await pump.drain()
    assert len(post.mails) == 2
    assert len({mail["Message-ID"] for mail in post.mails}) == 1


@pytest.mark.parametrize(
    ("answer", "state"), [("451 try later", "retrying"), ("550 no such user", "dead"), ("421 busy", "retrying")]
)
async def test_G70_a_refusal_for_now_is_tried_again_and_one_for_good_is_not(
    shop: World, post: Post, answer: str, state: str
) -> None:
    await shop.book(shop.at(10))
    post.answer = answer
    async with mailing(shop, post) as pump:
        await pump.drain()
    rows = await shop.sql("SELECT state, status FROM deliveries")
    assert [(row["state"], row["status"]) for row in rows] == [(state, int(answer[:3]))]


async def test_G70_a_server_without_tls_gets_nothing_in_plain_text(shop: World, post: Post) -> None:
    await shop.book(shop.at(10))
    async with mailing(shop, post, tls="starttls") as pump:
        await pump.drain()
    assert post.mails == []
    rows = await shop.sql("SELECT state FROM deliveries")
    assert rows[0]["state"] == "retrying"


async def test_G73_one_address_gets_so_many_mails_a_day_and_no_more(shop: World, post: Post) -> None:
    async with mailing(shop, post, per_address_day=3) as pump:
        for hour in range(9, 15):
            await shop.book(shop.at(hour), email="victim@example.org")
            await pump.drain()
    assert len(post.mails) == 3
    states = [row["state"] for row in await shop.sql("SELECT state FROM deliveries ORDER BY id")]
    assert states == ["sent"] * 3 + ["skipped"] * 3


async def test_M125_an_expired_request_is_told_to_both_sides_in_words_that_fit(shop: World, post: Post) -> None:
    await shop.service("asked", approval="manual")
    await shop.sql("UPDATE providers SET email = 'anna@example.org'")
    await shop.book(shop.at(10), service="asked", email="robin@example.org")
    async with mailing(shop, post) as pump:
        await pump.drain()
        post.mails.clear()
        await shop.sql("UPDATE appointments SET starts_at = now() - interval '1 s', ends_at = now() + interval '1 h'")
        await sweep(shop.core)
        await pump.drain()

    told = {str(mail["To"]): mail for mail in post.mails}
    customer, provider = told["Robin Example <robin@example.org>"], told["Anna <anna@example.org>"]
    assert str(customer["Subject"]).startswith("Not confirmed: Asked, ")
    text = " ".join(str(customer.get_body(("plain",)).get_content()).split())
    assert "did not answer before the time you asked for. Please choose another time." in text
    assert "text/calendar" not in [part.get_content_type() for part in customer.walk()]
    assert str(provider["Subject"]).startswith("Not answered: Robin Example, ")


async def test_M125_who_paid_for_a_request_that_is_declined_is_told_what_comes_back(shop: World, post: Post) -> None:
    await shop.service("asked", approval="manual", price_minor=5000)
    booked = await shop.book(shop.at(10), service="asked", email="robin@example.org")
    await shop.sql(
        "INSERT INTO payments (business_id, uid, appointment_id, service_id, method, status, amount_minor, currency,"
        " order_sealed, expires_at) SELECT business_id, gen_random_uuid(), id, service_id, 'stripe', 'booked', 5000,"
        " 'EUR', '', now() FROM appointments WHERE uid = $1",
        booked.appointment.uid,
    )
    async with mailing(shop, post) as pump:
        await pump.drain()
        post.mails.clear()
        target = await target_of_staff(shop.core, shop.business_id, booked.appointment.uid)
        await decide(shop.core, target, Step.DECLINE, no_key(), reason="Closed that day")
        await pump.drain()

    [mail] = post.mails
    text = " ".join(str(mail.get_body(("plain",)).get_content()).split())
    assert "Price: €50 Refund: €50 " in text
    assert "Reason: Closed that day" in text


async def test_a_message_that_a_change_overtook_is_skipped_and_says_why(shop: World, post: Post) -> None:
    booked = await shop.book(shop.at(10))
    async with mailing(shop, post) as pump:
        post.answer = "451 later"
        await pump.drain()
        await reschedule(shop.core, await target_of_token(shop.core, booked.manage_token), shop.at(11), no_key())
        post.answer = "250 taken"
        await shop.sql("UPDATE deliveries SET due_at = clock_timestamp()")
        await pump.drain()
    rows = await shop.sql("SELECT message, state, detail FROM deliveries ORDER BY id")
    assert [(row["message"], row["state"]) for row in rows] == [("confirmed", "skipped"), ("rescheduled", "sent")]
    assert rows[0]["detail"] == "moved meanwhile"
    assert len(post.mails) == 1


async def test_G76_reminders_can_be_stopped_and_nothing_else_with_them(shop: World, post: Post) -> None:
    await shop.book(shop.at(10), email="robin@example.org")
    async with mailing(shop, post) as pump:
        await pump.drain()
        await shop.sql("UPDATE reminders SET due_at = clock_timestamp() WHERE offset_min = 1440")
        await pump.drain()
        assert post.mails[0]["List-Unsubscribe"] is None
        link = str(post.mails[1]["List-Unsubscribe"]).strip("<>")
        assert post.mails[1]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert shop.core.vault.unsubscribing(link.rpartition("/")[2]) == (shop.business_id, "robin@example.org")
        await shop.sql(
            "INSERT INTO suppressions (business_id, channel, target, scope)"
            " VALUES ($1, 'mail', 'robin@example.org', 'reminders')",
            shop.business_id,
        )
        await shop.sql("UPDATE reminders SET due_at = clock_timestamp() WHERE offset_min = 60")
        await shop.book(shop.at(12), email="robin@example.org")
        await pump.drain()
    rows = await shop.sql("SELECT message, state FROM deliveries WHERE target = 'robin@example.org' ORDER BY id")
    assert sorted((row["message"], row["state"]) for row in rows) == [
        ("confirmed", "sent"),
        ("confirmed", "sent"),
        ("reminder", "sent"),
        ("reminder", "skipped"),
    ]


async def test_mails_can_be_kept_in_a_folder(tmp_path: Any) -> None:
    transport = open_transport(MailSettings(folder=str(tmp_path / "mail")))
    assert isinstance(transport, FolderMailer)
    message = EmailMessage()
    message["Message-ID"] = "<one@book.example>"
    message.set_content("Hello")
    async with transport:
        assert (await transport.send(message, may_send=lambda: True)).verdict is Verdict.SENT
        assert (await transport.send(message, may_send=lambda: False)).verdict is Verdict.RETRY
    assert [path.suffix for path in (tmp_path / "mail").iterdir()] == [".eml"]
