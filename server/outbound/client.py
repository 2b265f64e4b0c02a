"""
Owns calling a URL: one deadline, one cap on what is read, every hop checked, nothing carried over between callers.

Leaves where calls may go to `target` and `lookup`, and what an answer means to the caller.
"""

import asyncio
import logging
import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from multidict import CIMultiDict
from yarl import URL

from server.outbound.address import all_within, why_refused
from server.outbound.answer import Answer
from server.outbound.errors import Failed, Insecure, Refused, TooLarge, TooSlow, Trouble
from server.outbound.lookup import CheckedResolver, Lookup, SystemLookup
from server.outbound.target import read_target
from server.settings import IPNetwork, is_address

log = logging.getLogger(__name__)

_CONNECTIONS = 64
_CONNECTIONS_PER_HOST = 8
"""So that one slow peer cannot take them all."""

_KEEP_S = 4.0
"""Shorter than what common servers keep: a POST on a connection that the peer is just closing fails for nothing."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_HARMLESS = frozenset({"accept", "accept-language", "content-type", "depth", "if-none-match", "prefer", "user-agent"})
"""What may follow to another origin. A list of what may, not of what may not: credentials come under many names."""

_TROUBLES: tuple[tuple[type[Exception], Trouble], ...] = (
    (ClientConnectorCertificateError, Trouble.CERTIFICATE),
    (ClientSSLError, Trouble.CERTIFICATE),
    (ClientConnectorDNSError, Trouble.NAME),
    (ClientConnectorError, Trouble.CONNECTION),
    (ClientError, Trouble.PROTOCOL),
)


class Outbound:
    """
    Calls addresses that others typed. An async context manager; one per process and set of allowed networks.

    It uses no proxy and no .netrc of the environment, keeps no cookies, verifies TLS, and decompresses nothing.
    """

    def __init__(self, *, allowed_networks: tuple[IPNetwork, ...] = (), lookup: Lookup | None = None) -> None:
        """
        Args:
            allowed_networks: Networks that may be called though they are not public.
            lookup: Asks for the addresses of a name; by default the operating system.
        """
        self._allowed = allowed_networks
        self._lookup = lookup

    async def __aenter__(self) -> Self:
        self._system = SystemLookup()
        connector = TCPConnector(
            limit=_CONNECTIONS,
            limit_per_host=_CONNECTIONS_PER_HOST,
            keepalive_timeout=_KEEP_S,
            resolver=CheckedResolver(self._lookup or self._system, allowed=self._allowed),
            use_dns_cache=False,
            socket_factory=self._open_socket,
        )
        self._session = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            headers={"User-Agent": "Bookable"},
            timeout=ClientTimeout(total=None),
            auto_decompress=False,
            trust_env=False,
        )
        # aiohttp would repeat a PUT or DELETE whose connection broke; whether it happened, the caller has to find out.
        self._session._retry_connection = False  # noqa: SLF001
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        self._system.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_s: float,
        max_bytes: int,
        follow_redirects: int = 0,
        plain_inside_only: bool = False,
    ) -> Answer:
        """
        Call *url* and read the whole answer.

        Args:
            timeout_s: For everything together: name, connection, all redirects, the last byte.
            max_bytes: Longest body; a longer one raises as soon as it is announced or has come so far.
            follow_redirects: Most redirects to follow. 0: a redirect is an answer like another. Each hop is checked
                like the first; to another origin go only headers that carry no credentials; https never becomes http.
            plain_inside_only: Without TLS, call addresses within allowed networks only.

        Raises:
            Refused: The URL, or one that it leads to, may not be called.
            Insecure: It may, but not without TLS.
            TooSlow: *timeout_s* is over.
            TooLarge: The body is longer than *max_bytes*.
            Failed: No connection, no HTTP, a compressed body, or more redirects than that.
        """
        reading = _Reading(max_bytes)
        call = _Call(method, read_target(url, allowed=self._allowed), CIMultiDict(headers), body)
        try:
            async with asyncio.timeout(timeout_s):
                if plain_inside_only and call.url.scheme == "http":
                    await self._check_inside(call.url.raw_host or "")
                return await self._follow(call, reading, hops=follow_redirects)
        except TimeoutError as error:
            raise TooSlow(begun=reading.begun) from error
        except ClientError as error:
            trouble = next(trouble for kind, trouble in _TROUBLES if isinstance(error, kind))
            log.info("call to %s failed: %r", call.url.host, error)
            raise Failed(trouble, begun=reading.begun) from error

    async def _check_inside(self, host: str) -> None:
        """What is not allowed at all is refused on connecting, in words that give nothing away."""
        try:
            addresses = [host] if is_address(host) else await (self._lookup or self._system)(host)
        except OSError:
            return  # connecting says so
        if not any(why_refused(address, allowed=self._allowed) for address in addresses) and not all_within(
            addresses, self._allowed
        ):
            raise Insecure

    async def _follow(self, call: "_Call", reading: "_Reading", *, hops: int) -> Answer:
        left = hops
        while True:
            answer = await self._call(call, reading)
            location = answer.headers.get("Location")
            if not hops or location is None or answer.status not in _REDIRECTS:
                return answer
            if not left:
                raise Failed(Trouble.REDIRECTS, begun=answer)
            left -= 1
            call.redirect(read_target(location, allowed=self._allowed, base=call.url), answer.status)

    async def _call(self, call: "_Call", reading: "_Reading") -> Answer:
        reading.start_over()
        headers = CIMultiDict(call.headers)
        headers["Accept-Encoding"] = "identity"  # so that what is counted is what arrives
        async with self._session.request(
            call.method, call.url, headers=headers, data=call.body or None, allow_redirects=False
        ) as response:
            try:
                return await reading.read(response)
            except BaseException:
                response.close()
                raise

    def _open_socket(self, addr_info: tuple[Any, ...]) -> socket.socket:
        """The last look, at the very address that is about to be connected to, however it came here."""
        family, kind, protocol, _, address = addr_info
        if why_refused(address[0], allowed=self._allowed):
            raise PermissionError(f"{address[0]} is not allowed")
        return socket.socket(family, kind, protocol)


class _Call:
    """What is asked for next: changes with each redirect."""

    def __init__(self, method: str, url: URL, headers: CIMultiDict[str], body: bytes) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body

    def redirect(self, url: URL, status: int) -> None:
        """Go on to *url* (RFC 9110, 15.4)."""
        if self.url.scheme == "https" and url.scheme == "http":
            log.warning("refused to call %s: redirected from https to http", url.host)
            raise Refused
        if url.origin() != self.url.origin():
            self.headers = CIMultiDict((k, v) for k, v in self.headers.items() if k.lower() in _HARMLESS)
        if status == 303 or (status in {301, 302} and self.method == "POST"):
            self.method, self.body = "GET", b""
            self.headers.popall("Content-Type", None)
        self.url = url


class _Reading:
    """Reads an answer, and remembers how far it came."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._response: ClientResponse | None = None
        self._body = bytearray()

    def start_over(self) -> None:
        """Forget the answer of the hop before."""
        self._response = None
        self._body.clear()

    async def read(self, response: ClientResponse) -> Answer:
        """The whole answer, of at most so many bytes."""
        self._response = response
        if response.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
            raise Failed(Trouble.ENCODING, begun=self._answer(response))
        if (response.content_length or 0) > self._max_bytes and response.method != "HEAD":
            raise TooLarge(begun=self._answer(response))
        async for chunk in response.content.iter_any():
            self._body += chunk[: self._max_bytes - len(self._body) + 1]
            if len(self._body) > self._max_bytes:
                del self._body[self._max_bytes :]
                raise TooLarge(begun=self._answer(response))
        return self._answer(response)

    @property
    def begun(self) -> Answer | None:
        """As far as it came; None before the status."""
        return self._answer(self._response) if self._response else None

    def _answer(self, response: ClientResponse) -> Answer:
        return Answer(status=response.status, headers=response.headers, body=bytes(self._body), url=str(response.url))
