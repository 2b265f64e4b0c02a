"""
Owns the typed keys under which a handler reaches what it needs.

Leaves making these things to `app`.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from server.domain.configuration import Capabilities
from server.payments.protocol import PaymentMethod
from server.redis.availability_cache import AvailabilityCache
from server.redis.connection import RedisLink
from server.redis.listeners import Listeners
from server.redis.rate_limits import RateLimits
from server.settings import Settings
from server.supervision import Loops
from server.usecases.calendar_accounts import Accounts
from server.usecases.core import Core
from server.web.access import Caller
from server.web.opened_feeds import OpenedFeeds
from server.web.proxies import ProxyWatch
from server.web.shapes.base import Shape
from server.web.tally import Tally


class OpenStreams:
    """The event streams that this process serves, each with the business it is about and the network that listens."""

    def __init__(self) -> None:
        self.all: dict[asyncio.Task[Any] | None, tuple[str, str]] = {}
        self.ending = False
        """The process stops: streams are cancelled so that each ends as it should."""

    def of(self, business: str) -> int:
        """How many of them are about *business*."""
        return sum(about == business for about, _ in self.all.values())

    def to(self, network: str) -> int:
        """How many of them go to *network*."""
        return sum(listener == network for _, listener in self.all.values())


SETTINGS = web.AppKey("settings", Settings)
CORE = web.AppKey("core", Core)
CACHE = web.AppKey("availability cache", AvailabilityCache)
LINK = web.AppKey("redis link", RedisLink)
LISTENERS = web.AppKey("listeners", Listeners)
LIMITS = web.AppKey("rate limits", RateLimits)
OPENED = web.AppKey("opened feeds", OpenedFeeds)
PROXIES = web.AppKey("proxy watch", ProxyWatch)
TRANSPORT = web.AppKey("transport security", str)
"""Value of Strict-Transport-Security; empty where it is not sent."""
TALLY = web.AppKey("tally", Tally)
ACCOUNTS = web.AppKey("calendar accounts", Accounts)
CAPABILITIES = web.AppKey("capabilities", Capabilities)
METHODS = web.AppKey("ways to pay", Mapping[str, PaymentMethod])
STREAMS = web.AppKey("open streams", OpenStreams)
LOOPS = web.AppKey("loops", Loops)
ENDED = web.AppKey("ended loops", list[BaseException])
"""Errors of loops that ended although they should not: the process is to be started anew."""

CALLER = web.RequestKey("caller", Caller)
BODY = web.RequestKey("body", Shape)
QUERY = web.RequestKey("query", Shape)
RAW_BODY = web.RequestKey("raw body", bytes)
COUNTED = web.RequestKey("counted", bool)
"""Set once the request was within its limits: only then may answering it cost a query."""
REQUEST_ID = web.RequestKey("request id", str)
