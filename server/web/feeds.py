"""
Owns the secret addresses of feeds: what is new since the last time, and the document itself.

Leaves what is in it to `usecases/read_feed`.
"""

import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from aiohttp import hdrs, web

from server.usecases.read_feed import Opened, View, chunks, open_feed
from server.web.access import Who
from server.web.answers import SAFE
from server.web.keys import CORE, SETTINGS
from server.web.route import Handler, Route

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 3


def serve(view: View) -> Handler:
    """The handler of one document."""

    async def handle(request: web.Request) -> web.StreamResponse:
        settings = request.app[SETTINGS]
        opened = await open_feed(request.app[CORE], settings.feed, request.match_info["token"], view)
        gzipped = _wants_gzip(request)
        headers = _headers(opened, gzipped)
        if _is_known(request, headers[hdrs.ETAG], opened.changed_at):
            return web.Response(status=304, headers=headers)
        response = web.StreamResponse(headers=headers)
        response.content_type, response.charset = "text/calendar", "utf-8"
        if gzipped:
            response.headers[hdrs.CONTENT_ENCODING] = "gzip"
        body = chunks(request.app[CORE], settings.feed, opened, base_url=settings.http.base_url)
        # The first page before the first header: what fails until then is a 503, and never half a calendar.
        first = await anext(body) + await anext(body, b"")
        await response.prepare(request)
        if request.method != hdrs.METH_HEAD:
            async for piece in _compressed(first, body) if gzipped else _plain(first, body):
                await response.write(piece)
        await response.write_eof()
        return response

    return handle


async def _plain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


async def _compressed(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    squeeze = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    async for piece in _plain(first, rest):
        if smaller := squeeze.compress(piece):
            yield smaller
    yield squeeze.flush()


def _headers(opened: Opened, gzipped: bool) -> dict[str, str]:
    """The same for GET, HEAD and 304 (RFC 9110, 15.4.5)."""
    tag = f"{opened.tag}-gz" if gzipped else opened.tag
    return {
        **SAFE,
        hdrs.ETAG: f'"{tag}"',
        hdrs.LAST_MODIFIED: format_datetime(opened.changed_at, usegmt=True),
        hdrs.CACHE_CONTROL: "private, max-age=300",
        hdrs.VARY: hdrs.ACCEPT_ENCODING,
        hdrs.CONTENT_DISPOSITION: f'inline; filename="{opened.view}.{"ifb" if opened.view is View.IFB else "ics"}"',
        "X-Robots-Tag": "noindex, nofollow",
    }


def _wants_gzip(request: web.Request) -> bool:
    return "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower()


def _is_known(request: web.Request, etag: str, changed_at: datetime) -> bool:
    """Whether the caller has this already (RFC 9110, 13.2.2): the tag decides where there is one, else the date."""
    tags = request.headers.get(hdrs.IF_NONE_MATCH)
    if tags is not None:
        return tags.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in tags.split(",")]
    since = request.headers.get(hdrs.IF_MODIFIED_SINCE)
    if since is None:
        return False
    try:
        moment = parsedate_to_datetime(since)
    except ValueError:
        return False
    return changed_at <= (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def feed_routes() -> list[Route]:
    """The documents of a feed."""
    calendar = {200: None, 304: None}
    return [
        Route("GET", "/feeds/{token}/appointments.ics", Who.TOKEN, serve(View.APPOINTMENTS), "Feeds",
              "Appointments, to subscribe to", answers=calendar, media_type="text/calendar"),
        Route("GET", "/feeds/{token}/freebusy.ics", Who.TOKEN, serve(View.FREEBUSY), "Feeds",
              "Busy time as events that say no more", answers=calendar, media_type="text/calendar"),
        Route("GET", "/feeds/{token}/freebusy.ifb", Who.TOKEN, serve(View.IFB), "Feeds",
              "Busy time as VFREEBUSY, for scheduling clients", answers=calendar, media_type="text/calendar"),
        Route("GET", "/feeds/{token}/availability.ics", Who.TOKEN, serve(View.AVAILABILITY), "Feeds",
              "A provider's working hours as VAVAILABILITY", answers=calendar, media_type="text/calendar"),
    ]  # fmt: skip
