"""
Owns a published .ics file as a calendar that can only be read.

Leaves HTTP to an `Exchange`. The file is fetched whole; what is the same as last time is told by each event's own text.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime

from ics.errors import IcsError
from ics.event import Event
from ics.read.calendar_object import split_file
from ics.remote.caldav_answers import refusal
from ics.remote.errors import Forbidden, Nonsense
from ics.remote.http import Exchange
from ics.remote.protocol import Page, RemoteCalendar, RemoteObject

_ETAG, _HASH = "etag:", "hash:"


class IcsSubscription:
    """Implements `Account`, without writing."""

    def __init__(self, exchange: Exchange, url: str) -> None:
        """
        Args:
            url: May hold a secret: it is never repeated.
        """
        self._exchange = exchange
        self._url = "https" + url[6:] if url.lower().startswith("webcal:") else url
        self._objects: dict[str, RemoteObject] = {}

    async def calendars(self) -> list[RemoteCalendar]:
        await self._fetch(None)
        return [RemoteCalendar(href="file", name="Published calendar", writable=False)]

    async def changes(self, calendar: str, since: str | None, window: tuple[datetime, datetime]) -> Page:  # noqa: ARG002  # a file has no parts
        return await self._fetch(since)

    async def _fetch(self, since: str | None) -> Page:
        headers = {"Accept": "text/calendar, */*;q=0.1", "User-Agent": "Bookable"}
        if since is not None and since.startswith(_ETAG):
            headers["If-None-Match"] = since.removeprefix(_ETAG)
        reply = await self._exchange("GET", self._url, headers=headers)
        if reply.status == 304:
            return Page(changed=(), gone=(), token=since)
        if reply.status != 200:
            raise refusal(reply)
        digest = _HASH + hashlib.sha256(reply.body).hexdigest()
        if since == digest:
            return Page(changed=(), gone=(), token=since)
        # A file of thousands of events takes its time to be cut apart; others must not wait for it.
        self._objects = await asyncio.to_thread(_objects, reply.body)
        etag = reply.headers.get("etag")
        return Page(
            changed=list(self._objects.values()), gone=(), token=_ETAG + etag if etag else digest, complete=True
        )

    async def read(self, calendar: str, hrefs: Sequence[str]) -> list[RemoteObject]:  # noqa: ARG002
        if not self._objects:
            await self._fetch(None)
        return [self._objects[href] for href in hrefs if href in self._objects]

    def name_of(self, calendar: str, uid: str) -> str:  # noqa: ARG002  # nothing is ever written
        return ""

    async def create(self, calendar: str, event: Event) -> RemoteObject:  # noqa: ARG002
        raise Forbidden("a published file cannot be written")

    async def change(
        self,
        calendar: str,  # noqa: ARG002
        known: RemoteObject,  # noqa: ARG002
        event: Event,  # noqa: ARG002
        fields: frozenset[str],  # noqa: ARG002
    ) -> RemoteObject:
        raise Forbidden("a published file cannot be written")

    async def delete(self, calendar: str, known: RemoteObject) -> None:  # noqa: ARG002
        raise Forbidden("a published file cannot be written")

    async def is_gone(self, calendar: str, href: str) -> bool:
        return not await self.read(calendar, [href])


def _objects(body: bytes) -> dict[str, RemoteObject]:
    try:
        parts = split_file(body.decode("utf-8", "replace"))
    except IcsError as error:
        raise Nonsense(f"the published file is not a calendar: {error}") from error
    found: dict[str, RemoteObject] = {}
    for uid, text in parts:
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
        found[uid[:500]] = RemoteObject(href=uid[:500], etag=digest, data=text)
    return found
