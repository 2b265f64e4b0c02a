"""
Owns a mail server that keeps what it receives, and that answers, drops, hangs or encrypts as the test wants.

Leaves delivering to nobody as it is: no mail leaves this machine.
"""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

OK = "250 OK"


@dataclass
class Received:
    """One mail as it came in."""

    sender: str
    recipients: list[str]
    content: bytes
    encrypted: bool

    @property
    def message(self) -> EmailMessage:
        """The mail, read."""
        return BytesParser(_class=EmailMessage, policy=default).parsebytes(self.content)


@dataclass
class SmtpServer:
    """One server. What is to be answered is used up one by one; after that, everything is fine."""

    port: int = 0
    answers: dict[str, list[str]] = field(default_factory=dict)
    """By command (`MAIL`, `RCPT`, and `DATA` for the answer after the final dot)."""
    drop_at: dict[str, int] = field(default_factory=dict)
    """So many times the connection ends instead of an answer to that command; after `DATA` the mail is kept."""
    hang_at: str = ""
    """The command that is never answered."""
    mails_per_connection: int = 1_000
    """After so many, the server says 421 and hangs up."""
    password: str = ""
    """Whoever logs in with another one is refused."""

    mails: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    """Everything that was said, by its first word."""
    connections: int = 0
    """So many were made."""
    open: set["_Connection"] = field(default_factory=set)
    most_open: int = 0
    """So many were open at once."""
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_MAIL(self, server: "_Connection", _session: Any, envelope: Any, address: str, options: Any) -> str:
        if server.mails >= self.mails_per_connection:
            server.end()
            return "421 enough for one connection"
        answer = await self._answer("MAIL", server)
        if answer.startswith("250"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return answer

    async def handle_RCPT(self, server: "_Connection", _session: Any, envelope: Any, address: str, options: Any) -> str:
        answer = await self._answer("RCPT", server)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return answer

    async def handle_DATA(self, server: "_Connection", _session: Any, envelope: Any) -> str:
        answer = await self._answer("DATA", server)
        if answer.startswith("250"):
            server.mails += 1
            assert server.transport is not None
            encrypted = server.transport.get_extra_info("sslcontext") is not None
            self.mails.append(Received(envelope.mail_from, envelope.rcpt_tos, envelope.content, encrypted))
        return answer

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        """Whether the password is right."""
        return AuthResult(success=data.password.decode() == self.password, handled=False)

    async def _answer(self, command: str, server: "_Connection") -> str:
        if command == self.hang_at:
            await self.released.wait()
        if self.drop_at.get(command, 0):
            self.drop_at[command] -= 1
            server.end()
        return self.answers[command].pop(0) if self.answers.get(command) else OK


class _Connection(SMTP):
    """One connection, which writes down what is said on it."""

    def __init__(self, peer: SmtpServer, **settings: Any) -> None:
        super().__init__(peer, hostname="mx.example", authenticator=peer.authenticate, **settings)
        self.peer = peer
        self.mails = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self not in self.peer.open:  # made again when it becomes encrypted
            self.peer.connections += 1
            self.peer.open.add(self)
            self.peer.most_open = max(self.peer.most_open, len(self.peer.open))

    def connection_lost(self, error: Exception | None) -> None:
        self.peer.open.discard(self)
        super().connection_lost(error)

    async def _call_handler_hook(self, command: str, *args: Any) -> Any:
        self.peer.commands.append(command)
        return await super()._call_handler_hook(command, *args)

    async def smtp_RSET(self, argument: str) -> None:
        self.peer.commands.append("RSET")
        await super().smtp_RSET(argument)

    async def smtp_QUIT(self, argument: str) -> None:
        self.peer.commands.append("QUIT")
        await super().smtp_QUIT(argument)

    async def smtp_AUTH(self, argument: str) -> None:
        self.peer.commands.append("AUTH")
        await super().smtp_AUTH(argument)

    def end(self) -> None:
        """Hangs up without a word."""
        assert self.transport is not None
        self.transport.abort()


@contextlib.asynccontextmanager
async def smtp_server(
    *, starttls: ssl.SSLContext | None = None, implicit: ssl.SSLContext | None = None
) -> AsyncIterator[SmtpServer]:
    """
    The server, on loopback.

    Args:
        starttls: Offers STARTTLS with it.
        implicit: Speaks TLS from the first octet.
    """
    peer = SmtpServer()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Connection(peer, loop=loop, tls_context=starttls, auth_require_tls=starttls is not None),
        "127.0.0.1",
        0,
        ssl=implicit,
    )
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        peer.released.set()
        for connection in list(peer.open):
            connection.end()
        server.close()
        await asyncio.sleep(0)


def self_signed(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS with a certificate for 127.0.0.1 that nobody trusts yet, and the file to trust it by."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mx.example")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = folder / "mx.pem", folder / "mx.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key_pem)
    return context, pem
