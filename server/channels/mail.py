"""
Owns handing a mail to its server, or to a folder: kept connections, time limits, and what each answer means.

Leaves the mail to `ics/itip/mail`, and when to try again to `domain/backoff`.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPException, SMTPResponseException

from server.channels.outcome import Outcome, Verdict
from server.settings import MailSettings

_IDLE_S = 20.0
"""Mail servers hang up on who is silent; a connection that was idle for longer is not used again."""

_UNAVAILABLE = frozenset({421, 454})
"""The server as a whole, whatever the message (RFC 5321, 3.8; RFC 4954, 4)."""


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

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self._idle: list[tuple[SMTP, float]] = []
        self._places = asyncio.Semaphore(settings.connections)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client, _ in self._idle:
            client.close()
        self._idle.clear()

    async def send(self, message: EmailMessage, *, may_send: Callable[[], bool]) -> Outcome:
        """One attempt, within the time that the settings give it."""
        async with self._places:
            transfer = _Transfer()
            client = None
            try:
                async with asyncio.timeout(self._settings.timeout_s):
                    client = await self._connection()
                    outcome = await transfer.run(client, message, may_send)
            except (SMTPException, OSError, TimeoutError) as error:
                if client is not None:
                    client.close()
                return _failure(error, handed_over=transfer.handed_over)
            except BaseException:
                if client is not None:
                    client.close()
                raise
            self._idle.append((client, time.monotonic()))
            return outcome

    async def _connection(self) -> SMTP:
        while self._idle:
            client, since = self._idle.pop()
            if client.is_connected and time.monotonic() - since < _IDLE_S:
                return client
            client.close()
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


class _Transfer:
    """The commands of one mail; *handed_over* once its text is on the way, when nobody can take it back."""

    def __init__(self) -> None:
        self.handed_over = False

    async def run(self, client: SMTP, message: EmailMessage, may_send: Callable[[], bool]) -> Outcome:
        sender, recipient = (message[name].addresses[0].addr_spec for name in ("From", "To"))
        try:
            await client.mail(sender)
            await client.rcpt(recipient)
            if not may_send():
                await client.rset()
                return Outcome(verdict=Verdict.RETRY, detail="the lease was over")
            self.handed_over = True
            answer = await client.data(bytes(message))
        except SMTPResponseException as error:
            if error.code in _UNAVAILABLE:
                raise
            with contextlib.suppress(SMTPException):
                await client.rset()
            return _answered(error.code, error.message)
        return _answered(answer.code, answer.message)


def _answered(code: int, text: str) -> Outcome:
    """What a reply to this very mail means (RFC 5321, 4.2.1)."""
    verdict = Verdict.SENT if code < 400 else Verdict.RETRY if code < 500 else Verdict.REFUSED
    return Outcome(verdict=verdict, detail=f"SMTP {code}", status=code, response=text[:2000])


def _failure(error: Exception, *, handed_over: bool) -> Outcome:
    """Trouble with the server: the mail is not to blame."""
    if isinstance(error, SMTPResponseException):
        what = "refuses our user name" if isinstance(error, SMTPAuthenticationError) else "is not available"
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
        self._folder.mkdir(parents=True, exist_ok=True)
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
            unfinished.write_bytes(bytes(message))
            unfinished.rename(self._folder / name)
        except OSError as error:
            return Outcome(verdict=Verdict.RETRY, detail=str(error), peer_trouble=True)
        return Outcome(verdict=Verdict.SENT, detail=name)
