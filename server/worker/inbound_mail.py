"""
Owns listening for mail to reply addresses (SMTP, RFC 5321).

Leaves what a mail means to `usecases/receive_mail`, and encryption and spam to the mail server in front.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiosmtpd.smtp import SMTP, Envelope, Session

from server.domain.errors import NotFound, Unavailable
from server.settings import InboundSettings
from server.supervision import LoopEnded
from server.tokens import ReplyAddress
from server.usecases.core import Core
from server.usecases.receive_mail import receive_mail
from server.usecases.receive_reply import invited_at

log = logging.getLogger(__name__)

_MOST_CONNECTIONS = 50
_LONGEST_COMMAND_S = 60.0
_COMMANDS = {"MAIL": 50, "RCPT": 50, "DATA": 50, "*": 60}
"""Of each, per connection; then 421."""
_LOOK_S = 5.0
_HOUR_S = 3_600
_MAILS_AN_HOUR = 3_000
_MAILS_TO_ONE_AN_HOUR = 20
_MAILS_FROM_ONE_AN_HOUR = 60
_MAILS_TO_A_BUSINESS_AN_HOUR = 600
"""So that what a flood uses up is one business's, and not everybody's."""

_OK = "250 2.0.0 OK"
_UNKNOWN = "550 5.1.1 No such mailbox"
_ONE_AT_A_TIME = "452 4.5.3 One recipient at a time"
_TOO_MANY = "451 4.7.1 Too many mails; try again in an hour"
_LATER = "451 4.3.0 Not now; try again later"
_BUSY = b"421 4.3.2 Too many connections; try again later\r\n"


class _Hour:
    """How many mails came in this hour: in all, to each attendee and each business, and from each sender."""

    def __init__(self) -> None:
        self._ends = 0.0
        self._counts: Counter[tuple[object, ...]] = Counter()

    def has_room_for(self, address: ReplyAddress, sender: str) -> bool:
        """Counts a mail from *sender* to *address*; False if it is one too many."""
        if time.monotonic() >= self._ends:
            self._ends = time.monotonic() + _HOUR_S
            self._counts.clear()
        limits: dict[tuple[object, ...], int] = {
            ("all",): _MAILS_AN_HOUR,
            ("business", address.business_id): _MAILS_TO_A_BUSINESS_AN_HOUR,
            ("attendee", address.business_id, address.attendee_id): _MAILS_TO_ONE_AN_HOUR,
            ("sender", sender.lower()): _MAILS_FROM_ONE_AN_HOUR,
        }
        if any(self._counts[what] >= most for what, most in limits.items()):
            return False
        self._counts.update(limits.keys())
        return True


class _Mailbox:
    """
    Answers for each recipient and mail; the names of its methods are aiosmtpd's.

    A mail is either done when it is answered with 250, or the sending server still has it.
    """

    def __init__(self, core: Core, domain: str | None, max_bytes: int) -> None:
        self._core = core
        self._domain = domain or ""
        self._max_bytes = max_bytes
        self._hour = _Hour()

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """550 for an address that we never gave out, so that its sender hears of it."""
        del server, session, options
        if envelope.rcpt_tos:
            return _ONE_AT_A_TIME
        claimed = ReplyAddress.parse(address, self._domain)
        if claimed is None:
            return _UNKNOWN
        try:
            await invited_at(self._core, claimed)
        except NotFound:
            return _UNKNOWN
        except Unavailable:
            return _LATER
        envelope.rcpt_tos.append(address)
        return _OK

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """250 when the answer has taken effect, or never will."""
        del server, session
        address = ReplyAddress.parse(envelope.rcpt_tos[0], self._domain)
        content = envelope.content
        assert address is not None, "taken by handle_RCPT"
        assert isinstance(content, bytes), "decode_data is off"
        if not self._hour.has_room_for(address, envelope.mail_from or ""):
            return _TOO_MANY
        try:
            received = await receive_mail(
                self._core,
                content,
                domain=self._domain,
                limit=self._max_bytes,
                to=address,
                bounce=envelope.mail_from in {None, "", "<>"},
            )
        except NotFound:
            return _UNKNOWN
        except Unavailable:
            return _LATER
        log.info("business %d: an answer by mail: %s", address.business_id, received)
        return _OK

    async def handle_exception(self, error: Exception) -> str:
        """Nothing of our insides; the sending server keeps the mail."""
        log.error("unexpected error while taking a mail", exc_info=error)
        return _LATER


class _Conversation(SMTP):
    """One connection, known to the listener while it lasts."""

    def __init__(self, mailbox: _Mailbox, opened: "set[_Conversation]", *, max_bytes: int, hostname: str) -> None:
        super().__init__(
            mailbox,
            data_size_limit=max_bytes,
            hostname=hostname,
            ident="Bookable",
            timeout=_LONGEST_COMMAND_S,
            command_call_limit=_COMMANDS,
            loop=asyncio.get_running_loop(),
        )
        self._opened = opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._opened.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._opened.discard(self)
        super().connection_lost(error)

    async def end(self) -> None:
        """Hangs up; what was not answered with 250 is sent again."""
        task = self._handler_coroutine
        if self.transport is not None:
            self.transport.close()
        if task is not None:
            await asyncio.wait([task], timeout=5)


class MailListener:
    """The port on which mail comes in."""

    def __init__(self, server: asyncio.Server) -> None:
        self._server = server

    @property
    def port(self) -> int:
        """Which one; the system chooses where the settings say 0."""
        return int(self._server.sockets[0].getsockname()[1])

    async def watch(self) -> None:
        """
        A look at whether it still listens.

        Raises:
            LoopEnded: It does not.
        """
        if not self._server.is_serving():
            raise LoopEnded("the port for inbound mail is closed")
        await asyncio.sleep(_LOOK_S)


class _Busy(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(_BUSY)
        transport.close()


@asynccontextmanager
async def listening(settings: InboundSettings, core: Core, domain: str | None) -> AsyncIterator[MailListener]:
    """
    Listens while the context lasts.

    Args:
        domain: Of the reply addresses; without one every recipient is unknown.

    Raises:
        OSError: The port is not to be had.
    """
    # aiosmtpd logs every line of a conversation, and with it addresses.
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    mailbox = _Mailbox(core, domain, settings.max_bytes)
    opened: set[_Conversation] = set()

    def answer() -> asyncio.Protocol:
        if len(opened) >= _MOST_CONNECTIONS:
            return _Busy()
        return _Conversation(mailbox, opened, max_bytes=settings.max_bytes, hostname=domain or "localhost")

    server = await asyncio.get_running_loop().create_server(answer, settings.host, settings.port)
    try:
        yield MailListener(server)
    finally:
        server.close()
        await asyncio.gather(*(each.end() for each in list(opened)))
        await server.wait_closed()
