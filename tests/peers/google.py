"""
Owns Google as one origin: signing in, the Calendar API as far as we use it, and CalDAV, behind which Radicale works.

Leaves the sign-in to `oauth`, calendars to `calendar_servers`. What Radicale takes and Google does not is refused here.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from aiohttp import ClientSession, TCPConnector, web
from multidict import CIMultiDict
from yarl import URL

from tests.peers.calendar_servers import CalendarServer
from tests.peers.oauth import OAuth
from tests.peers.webhook_receiver import http_server

_API = "/calendar/v3"
_OF_ONE_HOP = {"connection", "transfer-encoding", "content-length", "date", "server", "host", "authorization"}
_CHANNEL = {"id": str, "type": str, "address": str, "token": str, "expiration": int}


@dataclass
class Google:
    """Somebody's account: the calendar `events` of *server* is the one that they have."""

    server: CalendarServer
    url: str = ""
    oauth: OAuth = field(default_factory=OAuth)
    entry: dict[str, Any] = field(default_factory=dict)
    """What the list of calendars says of it besides, or instead."""
    more: list[dict[str, Any]] = field(default_factory=list)
    """Other entries of the list."""
    page: int = 250
    """Entries per page of the list, at most."""
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By id, as they were asked for."""
    wrong: list[str] = field(default_factory=list)
    """What no client should send."""
    _session: ClientSession = field(init=False, repr=False)

    @property
    def calendar(self) -> str:
        """The calendar's id."""
        return self.server.user

    def settings(self) -> dict[str, Any]:
        """Of an installation that is registered here."""
        return {
            "google_client_id": self.oauth.client_id,
            "google_client_secret": self.oauth.client_secret,
            "google_oauth_url": self.url,
            "google_api_url": self.url + _API,
            "google_caldav_url": self.url,
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            *self.oauth.routes(),
            web.get(f"{_API}/users/me/calendarList", self.list_),
            web.post(f"{_API}/calendars/{{calendar}}/events/watch", self.watch),
            web.route("*", "/{calendar}/events/{tail:.*}", self.caldav),
        ]

    async def list_(self, request: web.Request) -> web.Response:
        """The calendars of the person."""
        if refused := self._refused(request):
            return refused
        if request.query.keys() - {"maxResults", "pageToken"} or not 1 <= int(request.query["maxResults"]) <= 250:
            self.wrong.append(f"a list with {request.query}")
        usual = {"id": self.calendar, "summary": "Anna", "timeZone": "Europe/Berlin", "accessRole": "owner"}
        entries = [usual | {"backgroundColor": "#9fe1e7", "primary": True} | self.entry, *self.more]
        begin = int(request.query.get("pageToken", "0"))
        size = min(self.page, int(request.query["maxResults"]))
        answer: dict[str, Any] = {"kind": "calendar#calendarList", "items": entries[begin : begin + size]}
        if begin + size < len(entries):
            answer["nextPageToken"] = str(begin + size)
        return web.json_response(answer)

    async def watch(self, request: web.Request) -> web.Response:
        """Opens a channel."""
        if refused := self._refused(request):
            return refused
        body = await request.json()
        if {name: type(value) for name, value in body.items()} != _CHANNEL or body["type"] != "web_hook":
            self.wrong.append(f"a channel {body}")
        if not body["address"].startswith("https://") or len(body["id"]) > 64 or len(body["token"]) > 256:
            self.wrong.append(f"a channel {body}")
        if unquote(request.raw_path.split("/")[4]) != self.calendar:
            return _error(404, "notFound")
        if body["id"] in self.channels:
            return _error(400, "channelIdNotUnique")
        self.channels[body["id"]] = body
        ends = min(body["expiration"], int(datetime.now(UTC).timestamp() * 1000) + 7 * 86_400_000)
        said = {"kind": "api#channel", "id": body["id"], "resourceId": "res-1", "expiration": str(ends)}
        return web.json_response(said)

    async def caldav(self, request: web.Request) -> web.Response:
        """Radicale answers, if Google would."""
        if refused := self._refused(request):
            return refused
        if strange := {"If-None-Match", "If-Modified-Since", "If"} & set(request.headers):
            self.wrong.append(f"{request.method} with {strange}")
            return _error(400, "badRequest")
        headers = CIMultiDict((k, v) for k, v in request.headers.items() if k.lower() not in _OF_ONE_HOP)
        headers["Authorization"] = self.server.authorization
        url = URL(self.server.url + request.raw_path, encoded=True)
        async with self._session.request(
            request.method, url, headers=headers, data=await request.read() or None, allow_redirects=False
        ) as response:
            kept = CIMultiDict((k, v) for k, v in response.headers.items() if k.lower() not in _OF_ONE_HOP)
            return web.Response(status=response.status, headers=kept, body=await response.read())

    def _refused(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return None if given in self.oauth.access_tokens else _error(401, "authError")


def _error(status: int, reason: str) -> web.Response:
    return web.json_response({"error": {"code": status, "errors": [{"reason": reason}]}}, status=status)


@contextlib.asynccontextmanager
async def google_account(server: CalendarServer, redirect_uri: str) -> AsyncIterator[Google]:
    """An account on loopback with what is at *server*, whose owner is sent back to *redirect_uri*."""
    google = Google(server)
    google.oauth.redirect_uris = {redirect_uri}
    # Radicale hangs up after each answer.
    async with (
        ClientSession(connector=TCPConnector(force_close=True), auto_decompress=False) as google._session,
        http_server(google.routes()) as url,
    ):
        google.url = google.oauth.url = url
        yield google
