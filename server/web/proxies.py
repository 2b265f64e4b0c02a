"""
Owns noticing a proxy in front of us that nobody said is trusted: all its visitors would share one limit.

Leaves who is believed to `client_address`, and saying it again to `bookable doctor`.
"""

import asyncio
import logging
import time
from functools import partial
from ipaddress import ip_address

from aiohttp import web

from server.domain.errors import BookingError
from server.domain.networks import unwrapped
from server.redis.connection import RedisLink
from server.redis.proxies import note_proxy
from server.settings import HttpSettings, is_address, within

log = logging.getLogger(__name__)

_FORWARDING = ("X-Forwarded-For", "Forwarded")
_LINE_EVERY_S = 3_600.0


class LocalOnly(BookingError):
    """This is a demo for the machine it runs on: it does not answer through a proxy. `bookable up` does."""


def is_forwarded(request: web.Request) -> bool:
    """Whether a proxy says that it passes the request on."""
    return any(name in request.headers for name in _FORWARDING)


class ProxyWatch:
    """Looks at who forwards requests to us; a line an hour at most says what to set."""

    def __init__(self, settings: HttpSettings, link: RedisLink) -> None:
        self._settings = settings
        self._link = link
        self._silent_until = -_LINE_EVERY_S
        self._notes: set[asyncio.Task[None]] = set()

    def look(self, request: web.Request) -> None:
        """
        One request.

        Raises:
            LocalOnly: It was forwarded, and this is a demo.
        """
        if not is_forwarded(request):
            return
        if self._settings.local_only:
            raise LocalOnly
        peer = request.remote or ""
        if time.monotonic() < self._silent_until or not _is_near(peer) or within(peer, self._settings.trusted_proxies):
            return
        self._silent_until = time.monotonic() + _LINE_EVERY_S
        log.warning(
            "%s forwards requests and is not trusted: all its visitors share one rate limit. If it is your proxy, "
            "set BOOKABLE_HTTP_TRUSTED_PROXIES=%s",
            peer,
            peer,
        )
        task = asyncio.create_task(self._note(peer))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def close(self) -> None:
        """Waits for what is being noted."""
        await asyncio.gather(*self._notes)

    async def _note(self, peer: str) -> None:
        await self._link.ask(partial(note_proxy, peer=peer))


def is_loopback(peer: str | None) -> bool:
    """Whether *peer* is on this machine; a unix socket has none, and whatever speaks there passes on others."""
    return peer is not None and is_address(peer) and unwrapped(ip_address(peer)).is_loopback


def _is_near(peer: str) -> bool:
    """Whether *peer* is on this machine or in a private network, as proxies are; from afar anybody writes headers."""
    if not is_address(peer):
        return False
    address = unwrapped(ip_address(peer))
    return address.is_loopback or address.is_private
