"""
Owns an account on a CalDAV server (RFC 4791): any, but for the habits that `Habits` names.

Leaves HTTP to an `Exchange`, finding the server to `caldav_discovery`, and what changes mean to `ics/sync`.
"""

import base64
import hashlib
import re
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from caldav.response import DAVResponse

from ics.errors import UnknownTimezone
from ics.event import Event
from ics.read.zone import zone_named
from ics.remote.caldav_answers import refusal
from ics.remote.caldav_client import CalDavClient
from ics.remote.caldav_discovery import WHO, find_home
from ics.remote.errors import Changed, Forbidden, Missing, Nonsense, RemoteError, TokenGone, TryLater, Unanswered
from ics.remote.http import Exchange, Reply
from ics.remote.multistatus import (
    APPLE,
    CALDAV,
    CALENDARSERVER,
    DAV,
    Resource,
    etag_of,
    names_in,
    resources,
    sync_token,
    text_of,
)
from ics.remote.notice import Subscription
from ics.remote.protocol import Page, RemoteCalendar, RemoteObject
from ics.remote.webdav_push import OFFERED, is_offered, registration, subscription_of
from ics.write.amend import amend
from ics.write.calendar import assemble
from ics.write.event import render_event

PRODID = "-//Bookable//Bookable 0.1//EN"

Window = tuple[datetime, datetime]

_BATCH = 50
"""Objects per multiget: parsing more at once would hold up the event loop."""

_LISTED = """<?xml version="1.0" encoding="utf-8"?>
<d:propfind xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:cs="http://calendarserver.org/ns/"
 xmlns:a="http://apple.com/ns/ical/"><d:prop><d:resourcetype/><d:displayname/><a:calendar-color/>
<c:calendar-timezone/><c:supported-calendar-component-set/><d:current-user-privilege-set/></d:prop></d:propfind>"""

_STATE = """<?xml version="1.0" encoding="utf-8"?>
<d:propfind xmlns:d="DAV:" xmlns:cs="http://calendarserver.org/ns/"><d:prop><cs:getctag/><d:supported-report-set/>
</d:prop></d:propfind>"""

_ETAGS = """<?xml version="1.0" encoding="utf-8"?>
<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/><d:resourcetype/></d:prop></d:propfind>"""

_CHANGES = """<?xml version="1.0" encoding="utf-8"?>
<d:sync-collection xmlns:d="DAV:"><d:sync-token>{token}</d:sync-token><d:sync-level>1</d:sync-level>
<d:prop><d:getetag/></d:prop></d:sync-collection>"""

_MULTIGET = """<?xml version="1.0" encoding="utf-8"?>
<c:calendar-multiget xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><d:getetag/><c:calendar-data/>
</d:prop>{hrefs}</c:calendar-multiget>"""

_TZID = re.compile(r"^TZID:(.+)$", re.MULTILINE | re.IGNORECASE)

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,200}")

_SYNC, _CTAG, _LISTING = "sync:", "ctag:", "list:"
"""What a token is: the server's, a ctag, or nothing that could be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """Where a server differs from the others."""

    if_none_match: bool = True
    """Google takes no conditional header but If-Match: there, whether a name is taken is looked up first."""
    hosts: tuple[str, ...] = ()
    """Domains over which one account is spread: their hosts get its credentials, too."""


class CalDavAccount:
    """Implements `Account`."""

    def __init__(self, exchange: Exchange, url: str, *, authorization: str, habits: Habits | None = None) -> None:
        """
        Args:
            url: Where the account begins: the server, its principal, its home, or one calendar.
            authorization: See `basic` and `bearer`.
        """
        self._url = url
        self._habits = habits or Habits()
        self._client = CalDavClient(exchange, url, authorization=authorization, hosts=self._habits.hosts)

    async def calendars(self) -> list[RemoteCalendar]:
        home = await find_home(lambda url: self._one(url, WHO), self._url)
        listed = await self._ask("PROPFIND", home, _LISTED, depth=1)
        return [_calendar(each) for each in resources(listed, self._reply.url) if _holds_events(each)]

    async def changes(self, calendar: str, since: str | None, window: Window) -> Page:  # noqa: ARG002  # it is listed whole
        if since is None:
            if await self._knows_sync(calendar):
                try:
                    return await self._sync(calendar, None)
                except (Forbidden, Nonsense, Missing, Changed):
                    pass  # says that it can, and cannot
            return await self._list(calendar, since=None)
        if since.startswith(_SYNC):
            return await self._sync(calendar, since.removeprefix(_SYNC))
        return await self._list(calendar, since=since)

    async def read(self, calendar: str, hrefs: Sequence[str]) -> list[RemoteObject]:
        found: list[RemoteObject] = []
        for begin in range(0, len(hrefs), _BATCH):
            found += await self._read_some(calendar, hrefs[begin : begin + _BATCH])
        return found

    def name_of(self, calendar: str, uid: str) -> str:
        # Servers spell what is quoted in their own ways; a name that needs no quoting comes back as it was.
        name = uid if _PLAIN.fullmatch(uid) else hashlib.sha256(uid.encode()).hexdigest()[:32]
        return f"{calendar.rstrip('/')}/{name}.ics"

    async def create(self, calendar: str, event: Event) -> RemoteObject:
        href = self.name_of(calendar, event.uid)
        if not self._habits.if_none_match and not await self.is_gone(calendar, href):
            raise Changed("something of this name is in the calendar already")
        text = assemble([render_event(event, zone=None)], method=None, prodid=PRODID).decode()
        headers = {"If-None-Match": "*"} if self._habits.if_none_match else {}
        return await self._put(href, text, headers)

    async def change(self, calendar: str, known: RemoteObject, event: Event, fields: frozenset[str]) -> RemoteObject:
        there = await self._unchanged(calendar, known)
        assert there.data is not None
        return await self._put(there.href, amend(there.data, event, fields), _if_match(there))

    async def delete(self, calendar: str, known: RemoteObject) -> None:
        try:
            there = await self._unchanged(calendar, known)
        except Missing:
            return
        reply, response = await self._write("DELETE", there.href, "", _if_match(there))
        if reply.status not in {200, 202, 204, 404, 410}:
            raise refusal(reply, response)

    async def is_gone(self, calendar: str, href: str) -> bool:  # noqa: ARG002  # an href says where
        response = await self._answered(self._client.request(href, "GET", "", {"Accept": "text/calendar"}))
        if response.status in {404, 410}:
            return True
        if response.status == 200:
            return False
        raise refusal(self._reply, response)

    async def watch(
        self,
        calendar: str,
        *,
        address: str,
        secret: str,  # noqa: ARG002  # it is in the address
        known: Subscription | None,  # noqa: ARG002  # a registration for the same address takes the place of an older one
        now: datetime,
    ) -> Subscription | None:
        try:
            if not is_offered(await self._one(calendar, OFFERED)):
                return None
        except Nonsense:
            return None
        headers = {"Content-Type": 'application/xml; charset="utf-8"'}
        response = await self._answered(self._client.post(calendar, registration(address, now), headers))
        if response.status not in {200, 201, 204}:
            raise refusal(self._reply, response)
        return subscription_of(self._reply, now)

    async def _sync(self, calendar: str, token: str | None) -> Page:
        body = _CHANGES.format(token=escape(token or ""))
        response = await self._answered(self._client.report(calendar, body, depth=0))
        if response.status not in {200, 207}:
            raise self._why_no_sync(response, token)
        changed: list[RemoteObject] = []
        gone: list[str] = []
        cut = False
        for each in resources(response, calendar):
            if each.status == 507:  # RFC 6578, 3.6: there is more
                cut = True
            elif each.status in {404, 410}:
                gone.append(each.href)
            elif each.status >= 400 or each.troubled:
                raise Nonsense("the calendar server could not tell what has changed")
            elif not _is_itself(each.href, calendar):
                changed.append(RemoteObject(href=each.href, etag=etag_of(text_of(each, f"{DAV}getetag"))))
        following = sync_token(response)
        if following is None or (cut and following == token):
            raise Nonsense("the calendar server gave no token to go on from")
        return Page(changed=changed, gone=gone, token=_SYNC + following, more=cut, complete=token is None)

    def _why_no_sync(self, response: DAVResponse, token: str | None) -> RemoteError:
        why = refusal(self._reply, response)
        # Servers say it in their own ways (RFC 6578 has one of them): where a token was sent, it was the token.
        if (
            token is not None
            and self._reply.status in {400, 403, 405, 409, 410, 412, 501}
            and not isinstance(why, TryLater)
        ):
            return TokenGone("the calendar server has forgotten what we knew")
        return Forbidden("the calendar server cannot list changes") if self._reply.status == 400 else why

    async def _list(self, calendar: str, *, since: str | None) -> Page:
        """Everything there is; nothing, where the server's change tag is still the same."""
        state = await self._one(calendar, _STATE)
        ctag = text_of(state, f"{CALENDARSERVER}getctag")
        if ctag is not None and since == _CTAG + ctag:
            return Page(changed=(), gone=(), token=since)
        listed = resources(await self._ask("PROPFIND", calendar, _ETAGS, depth=1), calendar)
        if not any(_is_itself(each.href, calendar) for each in listed):
            raise Nonsense("the calendar server's list does not name the calendar itself")
        if any(each.troubled or each.status >= 400 for each in listed):
            raise Nonsense("the calendar server could not tell what the calendar holds")
        changed = [
            RemoteObject(href=each.href, etag=etag_of(text_of(each, f"{DAV}getetag")))
            for each in listed
            if f"{DAV}collection" not in names_in(each, f"{DAV}resourcetype") and not _is_itself(each.href, calendar)
        ]
        return Page(changed=changed, gone=(), token=_CTAG + ctag if ctag else _LISTING, complete=True)

    async def _knows_sync(self, calendar: str) -> bool:
        state = await self._one(calendar, _STATE)
        return f"{DAV}sync-collection" in names_in(state, f"{DAV}supported-report-set")

    async def _one(self, url: str, body: str) -> Resource:
        """What the server says of *url* itself; some describe what is in it, too, though nobody asked."""
        response = await self._ask("PROPFIND", url, body, depth=0)
        listed = resources(response, self._reply.url)
        if listed and listed[0].status in {404, 410}:
            raise Missing("the calendar server has nothing at this address")
        if not listed or listed[0].status >= 400:
            raise Nonsense("the calendar server did not say what is at this address")
        return listed[0]

    async def _read_some(self, calendar: str, hrefs: Sequence[str]) -> list[RemoteObject]:
        wanted = {unquote(_path(href)): href for href in hrefs}
        body = _MULTIGET.format(hrefs="".join(f"<d:href>{escape(_path(href))}</d:href>" for href in hrefs))
        try:
            response = await self._ask("REPORT", calendar, body, depth=1)
        except Forbidden:
            got = [await self._get(href) for href in hrefs]
            return [one for one in got if one is not None]
        found: list[RemoteObject] = []
        for each in resources(response, calendar):
            data = each.found.get(f"{CALDAV}calendar-data")
            # By the name that we asked for, however it is spelled; one that we did not ask for is nobody's.
            href = wanted.pop(unquote(_path(each.href)), None)
            if href is not None and data is not None and data.text:
                found.append(RemoteObject(href=href, etag=etag_of(text_of(each, f"{DAV}getetag")), data=data.text))
        return found

    async def _get(self, href: str) -> RemoteObject | None:
        response = await self._answered(self._client.request(href, "GET", "", {"Accept": "text/calendar"}))
        reply = self._reply
        if response.status in {404, 410}:
            return None
        if response.status != 200:
            raise refusal(reply, response)
        return RemoteObject(
            href=href, etag=etag_of(reply.headers.get("etag")), data=reply.body.decode("utf-8", "replace")
        )

    async def _put(self, href: str, text: str, headers: dict[str, str]) -> RemoteObject:
        sent = {"Content-Type": "text/calendar; charset=utf-8", **headers}
        reply, response = await self._write("PUT", href, text, sent)
        if reply.status not in {200, 201, 204}:
            raise refusal(reply, response)
        # Without an ETag, or with a weak one, the server may have stored something else than we sent (RFC 4791, 5.3.4).
        etag = etag_of(reply.headers.get("etag"))
        return RemoteObject(href=href, etag=etag if _is_strong(etag) else None, data=text)

    async def _unchanged(self, calendar: str, known: RemoteObject) -> RemoteObject:
        """*known*, read anew where its ETag would not keep us from writing over somebody's change."""
        if known.data is not None and _is_strong(known.etag):
            return known
        there = await self.read(calendar, [known.href])
        if not there:
            raise Missing("the event is not in the calendar any more")
        if (known.etag and there[0].etag != known.etag) or (known.data or there[0].data) != there[0].data:
            raise Changed("it was changed in the calendar meanwhile")
        return there[0]

    async def _write(self, method: str, href: str, body: str, headers: dict[str, str]) -> tuple[Reply, DAVResponse]:
        try:
            response = await self._answered(self._client.request(href, method, body, headers))
        except TryLater as error:
            raise Unanswered(error.detail, error.retry_after_s) from error
        except Nonsense as error:
            raise Unanswered(error.detail) from error
        return self._reply, response

    async def _ask(self, method: str, url: str, body: str, *, depth: int) -> DAVResponse:
        """A successful answer, or an error that says why there is none."""
        headers = {"Depth": str(depth), "Content-Type": 'application/xml; charset="utf-8"'}
        response = await self._answered(self._client.request(url, method, body, headers))
        if response.status not in {200, 207}:
            raise refusal(self._reply, response)
        return response

    async def _answered(self, call: Awaitable[Any]) -> DAVResponse:
        self._client.last = None
        response: DAVResponse = await call
        return response

    @property
    def _reply(self) -> Reply:
        assert self._client.last is not None, "there was an answer"
        return self._client.last


def basic(user: str, password: str) -> str:
    """The Authorization header of RFC 7617."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def bearer(token: str) -> str:
    """The Authorization header of RFC 6750."""
    return f"Bearer {token}"


def _if_match(known: RemoteObject) -> dict[str, str]:
    return {"If-Match": known.etag} if known.etag and _is_strong(known.etag) else {}


def _is_strong(etag: str | None) -> bool:
    return bool(etag) and not str(etag).startswith("W/")


def _path(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _is_itself(href: str, calendar: str) -> bool:
    return _path(href).rstrip("/") == _path(calendar).rstrip("/")


def _holds_events(each: Resource) -> bool:
    if each.status >= 400 or f"{CALDAV}calendar" not in names_in(each, f"{DAV}resourcetype"):
        return False
    components = each.found.get(f"{CALDAV}supported-calendar-component-set")
    return components is None or any(inner.get("name") == "VEVENT" for inner in components.iter())


def _calendar(each: Resource) -> RemoteCalendar:
    allowed = names_in(each, f"{DAV}current-user-privilege-set")
    colour = (text_of(each, f"{APPLE}calendar-color") or "")[:7]
    return RemoteCalendar(
        href=each.href,
        name=text_of(each, f"{DAV}displayname") or _path(each.href).rstrip("/").rpartition("/")[2],
        colour=colour if colour.startswith("#") else None,
        timezone=_timezone(text_of(each, f"{CALDAV}calendar-timezone") or ""),
        writable=not allowed or bool(allowed & {f"{DAV}write", f"{DAV}all", f"{DAV}write-content", f"{DAV}bind"}),
    )


def _timezone(text: str) -> str | None:
    match = _TZID.search(text)
    try:
        return zone_named(match[1].strip()).key if match else None
    except UnknownTimezone:
        return None
