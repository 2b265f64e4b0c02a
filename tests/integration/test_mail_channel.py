"""The way out for mail, against a server that refuses, hangs, drops and lies about its name."""

import asyncio
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from pathlib import Path
from typing import Any

import pytest

from server.channels.mail import FolderMailer, Mailer, open_transport
from server.channels.outcome import Outcome, Verdict
from server.settings import MailSettings
from tests.peers.smtp_quirks import QUIRKS
from tests.peers.smtp_server import SmtpServer, self_signed, smtp_server


def mail(number: int = 1, text: str = "See you soon.") -> EmailMessage:
    message = EmailMessage(policy=WIRE)
    message["From"] = "Atelier Linde <bookings@book.example>"
    message["To"] = "Robin <robin@example.org>"
    message["Subject"] = "Confirmed"
    message["Message-ID"] = f"<{number}@book.example>"
    message.set_content(text)
    return message


def mailer(peer: SmtpServer, *, idle_s: float = 20, **changed: Any) -> Mailer:
    given = {"host": "127.0.0.1", "port": peer.port, "tls": "none", "timeout_s": 3, **changed}
    return Mailer(MailSettings(**given), idle_s=idle_s)


async def send(way: Mailer, number: int = 1, *, may_send: Callable[[], bool] = lambda: True) -> Outcome:
    return await way.send(mail(number), may_send=may_send)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not true():
            await asyncio.sleep(0.01)


@pytest.fixture
async def peer() -> AsyncIterator[SmtpServer]:
    async with smtp_server() as peer:
        yield peer


async def test_a_mail_arrives_whole_at_its_one_recipient(peer: SmtpServer) -> None:
    text = ".\r\n..two dots\r\nMAIL FROM:<x@example.org>\r\n" + "ü" * 300
    async with mailer(peer) as way:
        outcome = await way.send(mail(text=text), may_send=lambda: True)
    assert (outcome.verdict, outcome.status) == (Verdict.SENT, 250)
    assert (peer.mails[0].sender, peer.mails[0].recipients) == ("bookings@book.example", ["robin@example.org"])
    assert peer.mails[0].message.get_content().splitlines() == text.splitlines()


@pytest.mark.parametrize(
    ("command", "answer", "verdict", "status"),
    [
        *((command, "451 later", Verdict.RETRY, 451) for command in ("MAIL", "RCPT", "DATA")),
        *((command, "452 too much", Verdict.RETRY, 452) for command in ("MAIL", "RCPT", "DATA")),
        *((command, "550 never", Verdict.REFUSED, 550) for command in ("RCPT", "DATA")),
        *((command, "552 too large", Verdict.REFUSED, 552) for command in ("MAIL", "RCPT", "DATA")),
    ],
)
async def test_G70_a_refusal_is_for_now_or_for_good_and_the_next_mail_goes_on(
    peer: SmtpServer, command: str, answer: str, verdict: Verdict, status: int
) -> None:
    peer.answers[command] = [answer]
    async with mailer(peer) as way:
        refused = await send(way, 1)
        sent = await send(way, 2)
    assert (refused.verdict, refused.status, refused.peer_trouble) == (verdict, status, False)
    assert sent.verdict is Verdict.SENT
    assert [str(each.message["Message-ID"]) for each in peer.mails] == ["<2@book.example>"]
    assert peer.connections == 1


@pytest.mark.parametrize("quirk", QUIRKS)
async def test_G70_what_a_relay_says_about_our_account_lets_the_mail_wait(peer: SmtpServer, quirk: str) -> None:
    command, answer, _ = QUIRKS[quirk]
    peer.answers[command] = [answer]
    async with mailer(peer) as way:
        waits, sent = await send(way, 1), await send(way, 2)
    assert (waits.verdict, waits.peer_trouble) == (Verdict.RETRY, True)
    assert sent.verdict is Verdict.SENT


async def test_G70_who_is_greylisted_comes_again(peer: SmtpServer) -> None:
    peer.answers["RCPT"] = ["450 4.2.0 greylisted"]
    async with mailer(peer) as way:
        verdicts = [(await send(way)).verdict for _ in range(2)]
    assert verdicts == [Verdict.RETRY, Verdict.SENT]
    assert len(peer.mails) == 1


@pytest.mark.parametrize("answer", ["421 going down", "454 not now", "530 log in first", "535 who are you"])
async def test_G70_trouble_of_the_server_is_not_the_mail_s(peer: SmtpServer, answer: str) -> None:
    peer.answers["MAIL"] = [answer]
    async with mailer(peer) as way:
        outcome = await send(way)
    assert (outcome.verdict, outcome.peer_trouble) == (Verdict.RETRY, True)
    assert peer.mails == []


async def test_G70_a_wrong_password_is_trouble_and_is_never_written_down(peer: SmtpServer) -> None:
    peer.password = "the right one"
    async with mailer(peer, user="bookings", password="a wrong one") as way:
        outcome = await send(way)
    assert (outcome.verdict, outcome.status, outcome.peer_trouble) == (Verdict.RETRY, 535, True)
    assert "user name" in outcome.detail
    assert "a wrong one" not in repr(outcome)


async def test_G70_nobody_there_is_trouble(peer: SmtpServer) -> None:
    async with mailer(peer, port=1) as way:
        outcome = await send(way)
    assert (outcome.verdict, outcome.peer_trouble) == (Verdict.RETRY, True)
    assert "may have arrived" not in outcome.detail


@pytest.mark.parametrize("password", [None, "secret"])
async def test_G70_without_starttls_there_is_no_mail_and_no_password(peer: SmtpServer, password: str | None) -> None:
    async with mailer(peer, tls="starttls", user="bookings" if password else None, password=password) as way:
        outcome = await send(way)
    assert (outcome.verdict, outcome.peer_trouble) == (Verdict.RETRY, True)
    assert peer.mails == []
    assert not {"AUTH", "MAIL"} & set(peer.commands)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_G70_a_certificate_that_nobody_vouches_for_gets_nothing(tls: str, tmp_path: Path) -> None:
    context, _ = self_signed(tmp_path)
    async with smtp_server(**{tls: context}) as peer, mailer(peer, tls=tls) as way:
        outcome = await send(way)
    assert (outcome.verdict, outcome.peer_trouble) == (Verdict.RETRY, True)
    assert peer.mails == []
    assert "MAIL" not in peer.commands


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_trusted_server_gets_password_and_mail_encrypted(
    tls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, pem = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    async with smtp_server(**{tls: context}) as peer:
        peer.password = "secret"
        async with mailer(peer, tls=tls, user="bookings" if tls == "starttls" else None, password="secret") as way:
            outcome = await send(way)
    assert outcome.verdict is Verdict.SENT
    assert peer.mails[0].encrypted
    assert ("AUTH" in peer.commands) == (tls == "starttls")


async def test_G69_a_mail_that_may_have_arrived_says_so_and_comes_again_as_itself(peer: SmtpServer) -> None:
    peer.drop_at["DATA"] = 1
    async with mailer(peer) as way:
        first, second = await send(way), await send(way)
    assert (first.verdict, first.peer_trouble) == (Verdict.RETRY, True)
    assert "may have arrived" in first.detail
    assert second.verdict is Verdict.SENT
    assert [str(each.message["Message-ID"]) for each in peer.mails] == ["<1@book.example>"] * 2


async def test_G69_what_was_never_handed_over_cannot_have_arrived(peer: SmtpServer) -> None:
    peer.drop_at["RCPT"] = 1
    async with mailer(peer) as way:
        outcome = await send(way)
    assert (outcome.verdict, outcome.peer_trouble) == (Verdict.RETRY, True)
    assert "may have arrived" not in outcome.detail
    assert peer.mails == []


@pytest.mark.parametrize(("command", "may_have_arrived"), [("RCPT", False), ("DATA", True)])
async def test_a_server_that_never_answers_is_given_up(peer: SmtpServer, command: str, may_have_arrived: bool) -> None:
    peer.hang_at = command
    async with mailer(peer, timeout_s=0.3) as way:
        outcome = await send(way)
    assert (outcome.verdict, outcome.peer_trouble) == (Verdict.RETRY, True)
    assert ("may have arrived" in outcome.detail) is may_have_arrived


async def test_a_lease_that_ended_takes_the_mail_back_before_its_text(peer: SmtpServer) -> None:
    async with mailer(peer) as way:
        outcome = await send(way, 1, may_send=lambda: False)
        assert (outcome.verdict, outcome.peer_trouble) == (Verdict.RETRY, False)
        assert "lease" in outcome.detail
        assert "RSET" in peer.commands
        assert "DATA" not in peer.commands
        assert (await send(way, 2)).verdict is Verdict.SENT
    assert [str(each.message["Message-ID"]) for each in peer.mails] == ["<2@book.example>"]


async def test_the_lease_is_asked_about_when_the_server_has_taken_the_recipient(peer: SmtpServer) -> None:
    heard: list[str] = []

    def ours() -> bool:
        heard.extend(peer.commands)
        return True

    async with mailer(peer) as way:
        await send(way, may_send=ours)
    assert "RCPT" in heard
    assert "DATA" not in heard


async def test_mails_share_connections_and_never_more_than_are_allowed(peer: SmtpServer) -> None:
    async with mailer(peer, connections=2) as way:
        outcomes = await asyncio.gather(*(send(way, number) for number in range(12)))
    assert {outcome.verdict for outcome in outcomes} == {Verdict.SENT}
    assert len(peer.mails) == 12
    assert peer.connections == peer.most_open == 2


async def test_a_server_that_ends_a_kept_connection_gets_the_next_mail_on_a_new_one(peer: SmtpServer) -> None:
    peer.mails_per_connection = 1
    async with mailer(peer) as way:
        outcomes = [await send(way, number) for number in range(3)]
    assert {outcome.verdict for outcome in outcomes} == {Verdict.SENT}
    assert [str(each.message["Message-ID"]) for each in peer.mails] == [
        f"<{number}@book.example>" for number in range(3)
    ]
    assert peer.connections == 3


async def test_a_connection_that_was_closed_meanwhile_is_not_used_again(peer: SmtpServer) -> None:
    async with mailer(peer) as way:
        await send(way, 1)
        for connection in list(peer.open):
            connection.end()
        await until(lambda: not peer.open)
        assert (await send(way, 2)).verdict is Verdict.SENT
    assert peer.connections == 2


async def test_an_idle_connection_says_goodbye(peer: SmtpServer) -> None:
    async with mailer(peer, idle_s=0.1) as way:
        await send(way)
        await until(lambda: not peer.open)
        assert peer.commands[-1] == "QUIT"


async def test_whoever_stops_says_goodbye(peer: SmtpServer) -> None:
    async with mailer(peer) as way:
        await send(way)
        assert "QUIT" not in peer.commands
    assert peer.commands[-1] == "QUIT"


async def test_a_send_that_is_cancelled_leaves_no_connection_behind(peer: SmtpServer) -> None:
    peer.hang_at = "RCPT"
    async with mailer(peer) as way:
        sending = asyncio.create_task(send(way, 1))
        await until(lambda: "RCPT" in peer.commands)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        peer.hang_at = ""
        assert (await send(way, 2)).verdict is Verdict.SENT
    assert peer.connections == 2


async def test_the_settings_name_the_way(tmp_path: Path) -> None:
    assert open_transport(MailSettings()) is None
    assert isinstance(open_transport(MailSettings(host="mx.example")), Mailer)
    assert isinstance(open_transport(MailSettings(host="mx.example", folder=str(tmp_path))), FolderMailer)


async def test_a_folder_has_whole_mails_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    async with FolderMailer(tmp_path / "mail") as folder:
        for number in range(3):
            assert (await folder.send(mail(number), may_send=lambda: True)).verdict is Verdict.SENT
    files = sorted((tmp_path / "mail").iterdir())
    assert [file.name.partition("-")[2] for file in files] == [f"{number}@book.example.eml" for number in range(3)]
    assert files[0].read_bytes() == bytes(mail(0))


async def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    async with FolderMailer(tmp_path / "mail") as folder:
        (tmp_path / "mail").rmdir()
        outcome = await folder.send(mail(), may_send=lambda: True)
    assert (outcome.verdict, outcome.peer_trouble) == (Verdict.RETRY, True)
