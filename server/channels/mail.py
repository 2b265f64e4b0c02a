"""
Owns handing a mail to its server, or to a folder: kept connections, time limits, and what each answer means.

Leaves the mail to `ics/itip/mail`, and when to try again to `domain/backoff`.
"""

import asyncio
import contextlib
import os
import re
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from server.channels.outcome import Outcome, Verdict
from server.settings import MailSettings

_IDLE_S = 20.0
"""Mail servers hang up on who is silent; we do so before."""
_GOODBYE_S = 1.0
"""Longest wait for the answer to QUIT, which changes nothing any more."""

_UNAVAILABLE = frozenset({421, 454, 530, 534, 535, 538})
"""The server as a whole, or who we are to it, whatever the message (RFC 5321, 3.8; RFC 4954, 4.2 and 6)."""


_TOO_LARGE = 552
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_ACCOUNT = frozenset({"5.2.0", "5.2.252", "5.4.5", "5.7.30", "5.7.60"})
"""
What relays say about our account, with a 5xx: the limit of a day (Google 5.4.5, Exchange 5.2.0), not allowed to send as
this address (Exchange 5.2.252, 5.7.60), the way to log in was switched off (Exchange 5.7.30). Every mail would fail.
"""


class MailTransport(Protocol):
    """A way for mails to leave. An async context manager."""

    async def __aenter__(self) -> Self:
        """Ready to send."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hangs up."""

    async def send(self, message: EmailMessage, *, may_send: Callable[[], bool]) -> Outcome:
        """
        Sends *message* to the one in its To.

        Args:
            may_send: Asked at the last moment: False when the message is no longer ours to send.
        """


def open_transport(settings: MailSettings) -> MailTransport | None:
    """The way that the settings name; None if there is none."""
    if settings.folder is not None:
        return FolderMailer(Path(settings.folder))
    return Mailer(settings) if settings.host is not None else None


class Mailer:
    """Sends over SMTP (RFC 5321). TLS is verified, and never given up for plain text."""

    def __init__(self, settings: MailSettings, *, idle_s: float = _IDLE_S) -> None:
        """
        Connects when there is something to send.

        Args:
            idle_s: How long a connection is kept for the next mail.
        """
        self._settings = settings
        self._idle_s = idle_s
        self._idle: dict[SMTP, asyncio.TimerHandle] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(settings.connections)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._idle:
            client, hang_up = self._idle.popitem()
            hang_up.cancel()
            self._leave(client)
        await asyncio.gather(*self._leaving)

    async def send(self, message: EmailMessage, *, may_send: Callable[[], bool]) -> Outcome:
        """One attempt, within the time that the settings give it."""
        async with self._places:
            transfer = _Transfer(message, may_send)
            try:
                async with asyncio.timeout(self._settings.timeout_s):
                    return await self._attempt(transfer)
            except (SMTPException, OSError, TimeoutError) as error:
                return _failure(error, handed_over=transfer.handed_over)

    async def _attempt(self, transfer: "_Transfer") -> Outcome:
        kept = self._kept_connection()
        if kept is not None:
            try:
                return await self._over(kept, transfer)
            except (SMTPServerDisconnected, SMTPResponseException):
                # A server may end a connection after so many mails or minutes: that is no trouble with it, as long
                # as nothing is on the way.
                if transfer.handed_over:
                    raise
        return await self._over(await self._new_connection(), transfer)

    async def _over(self, client: SMTP, transfer: "_Transfer") -> Outcome:
        """*transfer* over *client*, which is kept unless something is wrong with it."""
        try:
            outcome = await transfer.run(client)
        except BaseException:
            client.close()
            raise
        self._idle[client] = asyncio.get_running_loop().call_later(self._idle_s, self._retire, client)
        return outcome

    def _kept_connection(self) -> SMTP | None:
        while self._idle:
            client, hang_up = self._idle.popitem()
            hang_up.cancel()
            if client.is_connected:
                return client
            client.close()
        return None

    async def _new_connection(self) -> SMTP:
        settings = self._settings
        client = SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=settings.timeout_s,
            use_tls=settings.tls == "implicit",
            start_tls=settings.tls == "starttls",
            username=settings.user,
            password=settings.password.get_secret_value() if settings.password else None,
        )
        try:
            await client.connect()
        except BaseException:
            client.close()
            raise
        return client

    def _retire(self, client: SMTP) -> None:
        del self._idle[client]
        self._leave(client)

    def _leave(self, client: SMTP) -> None:
        task = asyncio.create_task(_say_goodbye(client))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


async def _say_goodbye(client: SMTP) -> None:
    """Hangs up as RFC 5321, 4.1.1.10 wants it."""
    try:
        with contextlib.suppress(SMTPException, OSError, TimeoutError):
            await client.quit(timeout=_GOODBYE_S)
    finally:
        client.close()


class _Transfer:
    """The commands of one mail; *handed_over* once its text is on the way, when nobody can take it back."""

    def __init__(self, message: EmailMessage, may_send: Callable[[], bool]) -> None:
        self._message = message
        self._may_send = may_send
        self.handed_over = False

    async def run(self, client: SMTP) -> Outcome:
        asked_for_sender = True  # a lasting no to that is about us, whoever the mail is to
        sender, recipient = (self._message[name].addresses[0].addr_spec for name in ("From", "To"))
        try:
            await client.mail(sender)
            asked_for_sender = False
            await client.rcpt(recipient)
            if not self._may_send():
                await client.rset()
                return Outcome(verdict=Verdict.RETRY, detail="the lease was over")
            self.handed_over = True
            answer = await client.data(bytes(self._message))
        except SMTPResponseException as error:
            about_us = asked_for_sender and error.code >= 500 and error.code != _TOO_LARGE
            if about_us or error.code in _UNAVAILABLE or _is_about_account(error.message):
                raise
            with contextlib.suppress(SMTPException):
                await client.rset()
            return _answered(error.code, error.message)
        return _answered(answer.code, answer.message)


def _is_about_account(text: str) -> bool:
    """Whether a refusal after MAIL FROM speaks of who we are, and not of this mail (RFC 3463)."""
    code = _ENHANCED.match(text)
    return code is not None and code[0] in _ACCOUNT


def _answered(code: int, text: str) -> Outcome:
    """What a reply to this very mail means (RFC 5321, 4.2.1)."""
    verdict = Verdict.SENT if code < 400 else Verdict.RETRY if code < 500 else Verdict.REFUSED
    return Outcome(verdict=verdict, detail=f"SMTP {code}", status=code, response=text[:2000])


def _failure(error: Exception, *, handed_over: bool) -> Outcome:
    """Trouble with the server: the mail is not to blame."""
    if isinstance(error, SMTPResponseException):
        refuses_us = isinstance(error, SMTPAuthenticationError)
        what = "refuses our user name" if refuses_us else "does not take mail from us now"
        detail, code, text = f"the mail server {what}: {error.code}", error.code, error.message
    else:
        detail, code, text = f"the mail server did not answer: {type(error).__name__}", None, str(error)
    if handed_over:
        detail += "; the mail may have arrived, and carries the same Message-ID when it comes again"
    return Outcome(verdict=Verdict.RETRY, detail=detail, status=code, response=text[:2000], peer_trouble=True)


class FolderMailer:
    """Writes mails into a folder: `<time>-<message id>.eml`, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __aenter__(self) -> Self:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)  # also one that was made before: what is in it is between two people
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def send(self, message: EmailMessage, *, may_send: Callable[[], bool]) -> Outcome:
        """Written at once; a full disk is tried again."""
        if not may_send():
            return Outcome(verdict=Verdict.RETRY, detail="the lease was over")
        name = f"{time.time():017.6f}-{str(message['Message-ID']).strip('<>')}.eml"
        unfinished = self._folder / f"{name}.part"
        try:
            _write_privately(unfinished, bytes(message))
            unfinished.rename(self._folder / name)
        except OSError as error:
            return Outcome(verdict=Verdict.RETRY, detail=str(error), peer_trouble=True)
        return Outcome(verdict=Verdict.SENT, detail=name)


def _write_privately(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
