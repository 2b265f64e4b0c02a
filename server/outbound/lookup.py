"""
Owns asking for the addresses of a name, and which of them a connection may use.

Leaves what is allowed to `address`, and connecting to aiohttp.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from server.outbound.errors import Refused
from server.outbound.target import check_addresses
from server.settings import IPNetwork

log = logging.getLogger(__name__)

Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""From a host name to its addresses, IPv4 and IPv6. Raises OSError when there are none."""

_THREADS = 16


class SystemLookup:
    """Asks the operating system, in threads of its own: a lame name server must not hold up the rest of the process."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="lookup")

    async def __call__(self, host: str) -> list[str]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _ask, host)

    def close(self) -> None:
        """Let go of the threads; questions in the air are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class CheckedResolver(AbstractResolver):
    """
    What aiohttp asks before it connects: a name is looked up once, and only checked addresses come out.

    aiohttp connects to exactly these, so a name that changes its mind a moment later (DNS rebinding) gains nothing.
    One address that is not allowed spoils all: an honest name has no private one among its public ones.
    """

    def __init__(self, lookup: Lookup, *, allowed: tuple[IPNetwork, ...]) -> None:
        self._lookup = lookup
        self._allowed = allowed

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002  # aiohttp's interface; we take both families
    ) -> list[ResolveResult]:
        """
        The addresses of *host*, each allowed on *port*.

        Raises:
            Refused: At least one is not.
            OSError: There are none.
        """
        addresses = await self._lookup(host)
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        if reason := check_addresses(addresses, port, allowed=self._allowed):
            log.warning("refused to call %s port %d: %s", host, port, reason)
            raise Refused
        return [_result(host, address, port) for address in addresses]

    async def close(self) -> None:
        """Nothing to close here: the lookup belongs to whoever made it."""


def _ask(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _result(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
