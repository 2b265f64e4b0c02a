"""
Owns the typed keys under which a handler reaches what it needs.

Leaves making these things to `app`.
"""

from aiohttp import web

from server.redis.availability_cache import AvailabilityCache
from server.redis.connection import RedisLink
from server.redis.listeners import Listeners
from server.settings import Settings
from server.usecases.core import Core
from server.web.access import Caller
from server.web.limits import Limiter
from server.web.shapes.base import Shape

SETTINGS = web.AppKey("settings", Settings)
CORE = web.AppKey("core", Core)
CACHE = web.AppKey("availability cache", AvailabilityCache)
LINK = web.AppKey("redis link", RedisLink)
LISTENERS = web.AppKey("listeners", Listeners)
LIMITER = web.AppKey("limiter", Limiter)
STREAMS = web.AppKey("open streams", set[tuple[web.Request, str]])

CALLER = web.RequestKey("caller", Caller)
BODY = web.RequestKey("body", Shape)
QUERY = web.RequestKey("query", Shape)
RAW_BODY = web.RequestKey("raw body", bytes)
REQUEST_ID = web.RequestKey("request id", str)
