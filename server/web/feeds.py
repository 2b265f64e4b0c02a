"""
Owns the secret addresses of feeds: what is new since the last time, and the document itself.

Leaves what is in it to `usecases/read_feed`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from aiohttp import hdrs, web
from multidict import CIMultiDict

from server.domain.errors import Gone, NotFound, Unavailable
from server.usecases.read_feed import Opened, View, document, open_feed
from server.web.access import Who
from server.web.answers import SAFE
from server.web.compression import accepts_gzip
from server.web.keys import CORE, OPENED, SETTINGS
from server.web.opened_feeds import Newness
from server.web.route import Handler, Route
from server.web.shapes.base import AnyQuery

_HIDDEN = {**SAFE, "X-Robots-Tag": "noindex, nofollow"}
_SETTLED = timedelta(seconds=10)
"""No transaction takes longer: what changed before that cannot change again within the same second."""


def serve(view: View) -> Handler:
    """The handler of one document."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await _answer(request, view)
        except NotFound:
            return _refusal(404, "There is no such calendar.")
        except Gone:
            return _refusal(410, "This address was replaced or taken back. Ask whoever gave it to you for a new one.")
        except Unavailable as error:
            retry: dict[str, str] = {hdrs.RETRY_AFTER: str(error.retry_after_s)}
            return _refusal(503, "Temporarily unavailable. Keep what you have and ask again.", retry)

    return handle


def unchanged(view: View) -> Callable[[web.Request], web.Response | None]:
    """Answers 304 from what is remembered of the last second, so that a storm of polls costs no query each."""

    def look(request: web.Request) -> web.Response | None:
        zipped = accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
        known = request.app[OPENED].find(request.match_info["token"], view, zipped)
        if known is None or not _is_known(request, known.etag, known.last_modified):
            return None
        return web.Response(status=304, headers=known.headers)

    return look


async def _answer(request: web.Request, view: View) -> web.StreamResponse:
    """
    The document, or that the caller has it already.

    It is made before the first header leaves, compressed, and sent in pieces: half a calendar would delete appointments
    at the other end.
    """
    core, settings = request.app[CORE], request.app[SETTINGS]
    token = request.match_info["token"]
    opened = await open_feed(core, settings.feed, token, view)
    zipped = accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
    last_modified = _last_modified(opened)
    headers = CIMultiDict(_headers(opened, last_modified, zipped))
    etag = headers[hdrs.ETAG]
    newness = Newness(business=opened.feed.business, etag=etag, last_modified=last_modified, headers=headers)
    request.app[OPENED].keep(token, view, zipped, newness)
    if _is_known(request, etag, last_modified):
        return web.Response(status=304, headers=headers)
    content = await document(core, settings.feed, opened)
    response = web.StreamResponse(headers=headers)
    response.content_type, response.charset = "text/calendar", "utf-8"
    response.content_length = content.zipped_length if zipped else content.length
    if zipped:
        response.headers[hdrs.CONTENT_ENCODING] = "gzip"
    await response.prepare(request)
    if request.method != hdrs.METH_HEAD:
        for piece in content.zipped() if zipped else content.plain():
            await response.write(piece)
    await response.write_eof()
    return response


def _refusal(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """In plain text: what reads this is a calendar app, which may show it to somebody."""
    return web.Response(
        status=status, text=text + "\n", headers={**_HIDDEN, hdrs.CACHE_CONTROL: "no-store", **(headers or {})}
    )


def _headers(opened: Opened, last_modified: datetime | None, zipped: bool) -> dict[str, str]:
    """The same for GET, HEAD and 304 (RFC 9110, 15.4.5)."""
    headers = {
        **_HIDDEN,
        hdrs.ETAG: f'"{opened.tag}-gz"' if zipped else f'"{opened.tag}"',
        hdrs.CACHE_CONTROL: "private, max-age=300",
        hdrs.VARY: hdrs.ACCEPT_ENCODING,
        hdrs.CONTENT_DISPOSITION: f'inline; filename="{opened.view}.{"ifb" if opened.view is View.IFB else "ics"}"',
    }
    if last_modified is not None:
        headers[hdrs.LAST_MODIFIED] = format_datetime(last_modified, usegmt=True)
    return headers


def _last_modified(opened: Opened) -> datetime | None:
    """
    Whole seconds; a second earlier while another change may come within the same one, or be on its way.

    So nobody keeps a date that is true of two documents (RFC 9110, 8.8.2.2): what they missed is newer than it soon.
    """
    if opened.changed_at is None:
        return None
    seconds = opened.changed_at.astimezone(UTC).replace(microsecond=0)
    return seconds if opened.feed.now - opened.changed_at >= _SETTLED else seconds - timedelta(seconds=1)


def _is_known(request: web.Request, etag: str, last_modified: datetime | None) -> bool:
    """Whether the caller has this already (RFC 9110, 13.2.2): the tag decides where there is one, else the date."""
    if request.headers.get(hdrs.IF_NONE_MATCH) == etag:
        return True
    tags = request.headers.getall(hdrs.IF_NONE_MATCH, [])
    if tags:
        known = [tag.strip().removeprefix("W/") for value in tags for tag in value.split(",")]
        return "*" in known or etag in known
    since = request.headers.get(hdrs.IF_MODIFIED_SINCE)
    if since is None or last_modified is None:
        return False
    try:
        moment = parsedate_to_datetime(since)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return last_modified <= moment
    except (ValueError, OverflowError):
        return False


def feed_routes() -> list[Route]:
    """The documents of a feed."""
    calendar = {200: None, 304: None, 404: None, 410: None, 503: None}
    return [
        Route("GET", "/feeds/{token}/appointments.ics", Who.TOKEN, serve(View.APPOINTMENTS), "Feeds",
              "Appointments, to subscribe to", query=AnyQuery, answers=calendar, media_type="text/calendar",
              ready=unchanged(View.APPOINTMENTS)),
        Route("GET", "/feeds/{token}/freebusy.ics", Who.TOKEN, serve(View.FREEBUSY), "Feeds",
              "Busy time as events that say no more", query=AnyQuery, answers=calendar, media_type="text/calendar",
              ready=unchanged(View.FREEBUSY)),
        Route("GET", "/feeds/{token}/freebusy.ifb", Who.TOKEN, serve(View.IFB), "Feeds",
              "Busy time as VFREEBUSY, for scheduling clients", query=AnyQuery, answers=calendar,
              media_type="text/calendar",
              ready=unchanged(View.IFB)),
        Route("GET", "/feeds/{token}/availability.ics", Who.TOKEN, serve(View.AVAILABILITY), "Feeds",
              "A provider's working hours as VAVAILABILITY", query=AnyQuery, answers=calendar,
              media_type="text/calendar",
              ready=unchanged(View.AVAILABILITY)),
    ]  # fmt: skip
