"""
Owns an account at Microsoft 365 or outlook.com, over Microsoft Graph v1.0.

Leaves HTTP to `graph_client`, the words to `graph_words`, and what changes mean to `ics/sync`. How it works there:

- A single event is an object. A series is one, too, named by its master, with one VEVENT, with a RECURRENCE-ID, for
  each of its occurrences in the window: Graph says that a series has changed, and never which of them is gone.
- A delta query names occurrences without saying whether they are busy; they are asked for once more, as instances.
- `@removed` is also said of an event that has left the window, or was changed outside of it: `is_gone` knows which.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from ics.event import Event
from ics.remote.errors import Changed, Forbidden, Missing, Nonsense, TokenGone, Unanswered
from ics.remote.graph_client import GraphClient
from ics.remote.graph_listing import etag_of, id_of, is_series, items_of, may_be_ours, sort_items
from ics.remote.graph_subscriptions import renew, subscribe
from ics.remote.graph_token import GraphToken, Window, widened
from ics.remote.graph_words import (
    EXPAND_UID,
    SELECT,
    SELECT_OWN,
    UID_PROPERTY,
    own_uid,
    render_item,
    render_object,
    uid_of,
    write_event,
    write_fields,
)
from ics.remote.http import Exchange, Reply
from ics.remote.json_answers import Json, codes_in, read_json, refusal
from ics.remote.notice import Subscription
from ics.remote.protocol import Page, RemoteCalendar, RemoteObject

_PAGE = 100
"""Events per page of a delta query, bodies included: it takes no $select."""

_INSTANCES = 500
_MOST_INSTANCES = 10_000


class GraphAccount:
    """Implements `Account` and `Watched`."""

    def __init__(self, exchange: Exchange, base_url: str, authorization: str) -> None:
        """
        Args:
            base_url: `graph_client.GRAPH_URL`, or that of a sovereign cloud.
            authorization: The value of the header, `Bearer ...`.
        """
        self._client = GraphClient(exchange, base_url, authorization)
        self._windows: dict[str, Window] = {}
        """Of what was listed last, by calendar: a series can be told for a window only."""

    async def calendars(self) -> list[RemoteCalendar]:
        url = "/me/calendars?" + _query({"$select": "id,name,hexColor,canEdit", "$top": "100"})
        return [_calendar(each) async for each in self._all(url)]

    async def changes(self, calendar: str, since: str | None, window: tuple[datetime, datetime]) -> Page:
        token = _beginning(calendar, window) if since is None else self._known(since, window)
        self._windows[calendar] = token.window
        answer = await self._client.get(token.link, page_size=_PAGE)
        listed = sort_items(items_of(answer))
        link, more = self._link(answer, token.link)
        series, without = await self._series(calendar, listed.series, token.window)
        return Page(
            changed=[*await self._singles(calendar, listed.singles), *series],
            gone=[*listed.removed, *without],
            token=token.going_on(link, more=more).write(),
            more=more,
            complete=token.first,
        )

    async def read(self, calendar: str, hrefs: Sequence[str]) -> list[RemoteObject]:
        """As the protocol says. A series is there as far as the window of the last listing; without one, it is not."""
        paths = [_event(calendar, href) for href in dict.fromkeys(hrefs)]
        items = [each for each in map(_readable, await self._client.batch(paths)) if each is not None]
        found = [_single(each, uid_of(each), ours=bool(own_uid(each))) for each in items if not is_series(each)]
        if calendar in self._windows:
            masters = [id_of(each) for each in items if is_series(each)]
            found += (await self._series(calendar, masters, self._windows[calendar]))[0]
        return found

    def name_of(self, calendar: str, uid: str) -> str:  # noqa: ARG002  # names are given by Graph
        return ""

    async def create(self, calendar: str, event: Event) -> RemoteObject:
        """As the protocol says; done twice, it answers what was made the first time."""
        reply = await self._client.write("POST", f"{_calendar_path(calendar)}/events", write_event(event))
        if reply.status == 409:  # the transaction is known, and what it made is not quite this any more
            return await self._created_before(calendar, event)
        if reply.status not in {200, 201}:
            raise refusal(reply)
        return _written(reply, event)

    async def change(self, calendar: str, known: RemoteObject, event: Event, fields: frozenset[str]) -> RemoteObject:
        body = write_fields(event, fields, over_series="\r\nRECURRENCE-ID" in (known.data or ""))
        path = _event_path(calendar, known.href)
        reply = await self._client.write("PATCH", path, body, etag=_bare(known.etag))
        if reply.status != 200:
            raise refusal(reply)
        return _written(reply, event)

    async def delete(self, calendar: str, known: RemoteObject) -> None:
        reply = await self._client.write("DELETE", _event_path(calendar, known.href), etag=_bare(known.etag))
        if reply.status in {200, 204, 404}:
            return
        error = refusal(reply)
        # An immutable id may find what lies in the bin already, and that cannot be deleted.
        if not isinstance(error, Forbidden) or not await self.is_gone(calendar, known.href):
            raise error

    async def is_gone(self, calendar: str, href: str) -> bool:
        reply = await self._client.ask(_event_path(calendar, href) + "?$select=id")
        if reply.status == 200 and id_of(read_json(reply)):
            return False
        if reply.status != 404 or "erroritemnotfound" not in codes_in(reply):
            raise refusal(reply)
        # Of a calendar that is gone, or cannot be seen any more, Graph says the same.
        await self._client.get(_calendar_path(calendar) + "?$select=id")
        return True

    async def watch(
        self, calendar: str, *, address: str, secret: str, known: Subscription | None, now: datetime
    ) -> Subscription:
        if known is not None:
            with contextlib.suppress(Missing):
                return await renew(self._client, known, notification_url=address, now=now)
        return await subscribe(self._client, calendar, notification_url=address, client_state=secret, now=now)

    def _known(self, since: str, window: Window) -> GraphToken:
        token = GraphToken.read(since, window)
        if not self._client.is_ours(token.link):
            raise TokenGone("what was kept of the calendar is from another place")
        return token

    async def _singles(self, calendar: str, items: Mapping[str, Json]) -> list[RemoteObject]:
        """*items* of a delta query; it does not tell our UIDs, so what may be ours is asked for by itself."""
        paths = [_event(calendar, href) for href, each in items.items() if may_be_ours(each)]
        read = [each for each in map(_readable, await self._client.batch(paths)) if each is not None]
        ours = {id_of(each): _single(each, uid_of(each), ours=True) for each in read if own_uid(each)}
        return [ours.get(href) or _single(each, uid_of(each)) for href, each in items.items()]

    async def _series(
        self, calendar: str, masters: Sequence[str], window: Window
    ) -> tuple[list[RemoteObject], list[str]]:
        """*masters* as they are in *window*, and those of them that are not in it."""
        span = {"startDateTime": _iso(window[0]), "endDateTime": _iso(window[1])}
        query = _query({**span, "$select": SELECT, "$top": str(_INSTANCES)})
        paths = [(_event(calendar, each), f"{_event_path(calendar, each)}/instances?{query}") for each in masters]
        replies = await self._client.batch([path for pair in paths for path in pair])
        found: list[RemoteObject] = []
        without = []
        for href, about, instances in zip(masters, replies[::2], replies[1::2], strict=True):
            master = _found(about)
            if master is not None and not is_series(master):
                found.append(_single(master, uid_of(master), ours=bool(own_uid(master))))
                continue
            occurrences = [each async for each in self._occurrences(instances)]
            if master is None or not occurrences:
                without.append(href)
            else:
                found.append(_series_object(master, occurrences, window))
        return found, without

    async def _occurrences(self, reply: Reply) -> AsyncIterator[Json]:
        first = _found(reply)
        if first is None:
            return
        count = 0
        async for each in self._all_from(first):
            count += 1
            if count > _MOST_INSTANCES:
                raise Nonsense("the calendar provider lists more occurrences of a series than anybody has")
            yield each

    async def _created_before(self, calendar: str, event: Event) -> RemoteObject:
        uid = event.uid.replace("'", "''")
        ours = f"singleValueExtendedProperties/Any(ep: ep/id eq '{UID_PROPERTY}' and ep/value eq '{uid}')"
        query = _query({"$filter": ours, "$expand": EXPAND_UID, "$select": SELECT_OWN})
        async for item in self._all(f"{_calendar_path(calendar)}/events?{query}"):
            # The filter does not tell capitals from small letters.
            if own_uid(item) == event.uid:
                return _single(item, event.uid, ours=True)
        raise Changed("the calendar provider has made this event before, and does not show it")

    async def _all(self, url: str) -> AsyncIterator[Json]:
        async for each in self._all_from(await self._client.get(url)):
            yield each

    async def _all_from(self, answer: Json) -> AsyncIterator[Json]:
        """The items of a list whose first page is *answer*."""
        seen: set[str] = set()
        while True:
            for item in items_of(answer):
                yield item
            link = answer.get("@odata.nextLink")
            if link is None:
                return
            if not isinstance(link, str) or link in seen:
                raise Nonsense("the calendar provider's list does not end")
            seen.add(link)
            answer = await self._client.get(link)

    def _link(self, answer: Json, asked: str) -> tuple[str, bool]:
        """Where the listing goes on, and whether at once."""
        following, delta = answer.get("@odata.nextLink"), answer.get("@odata.deltaLink")
        link = following if following is not None else delta
        if not isinstance(link, str) or not self._client.is_ours(link) or " " in link:
            raise Nonsense("the calendar provider's list does not say where it goes on")
        if link == asked and following is not None:
            raise Nonsense("the calendar provider's list does not end")
        return link, following is not None


def _single(item: Json, uid: str, *, ours: bool = False) -> RemoteObject:
    text = render_object([render_item(item, uid=uid, ours=ours)])
    return RemoteObject(href=id_of(item), etag=etag_of(item), data=text)


def _series_object(master: Json, occurrences: Sequence[Json], window: Window) -> RemoteObject:
    uid = uid_of(master)
    etag = etag_of(master)
    return RemoteObject(
        href=id_of(master),
        # The same series is another object in another window.
        etag=etag and f"{etag} {_iso(window[0])}/{_iso(window[1])}",
        data=render_object(render_item(each, uid=uid) for each in occurrences),
    )


def _written(reply: Reply, event: Event) -> RemoteObject:
    """What *event* has become: the answer need not hold our UID."""
    try:
        item = read_json(reply)
        if is_series(item):
            return RemoteObject(href=id_of(item), etag=None)
        return _single(item, event.uid, ours=True)
    except Nonsense as error:
        raise Unanswered(error.detail) from error


def _calendar(item: Json) -> RemoteCalendar:
    colour = str(item.get("hexColor") or "").removeprefix("#")
    is_colour = len(colour) == 6 and all(digit in "0123456789abcdefABCDEF" for digit in colour)
    name = item.get("name")
    return RemoteCalendar(
        href=id_of(item),
        name=name if isinstance(name, str) else "",
        colour=f"#{colour}" if is_colour else None,
        writable=item.get("canEdit") is not False,
    )


def _readable(reply: Reply) -> Json | None:
    """The event that an answer in a batch holds; None where it cannot be had: others are not worse off for it."""
    try:
        item = _found(reply)
        return item if item and id_of(item) else None
    except (Forbidden, Nonsense):
        return None


def _found(reply: Reply) -> Json | None:
    """What an answer in a batch holds; None where it is not there."""
    if reply.status == 200:
        return read_json(reply)
    error = refusal(reply)
    if isinstance(error, Missing):
        return None
    raise error


def _bare(etag: str | None) -> str:
    """What If-Match takes: of any version, where we were given none."""
    return etag.partition(" ")[0] if etag else "*"


def _beginning(calendar: str, window: Window) -> GraphToken:
    begin, end = widened(window)
    query = _query({"startDateTime": _iso(begin), "endDateTime": _iso(end)})
    return GraphToken(
        link=f"{_calendar_path(calendar)}/calendarView/delta?{query}",
        window=(begin, end),
        first=True,
    )


def _calendar_path(calendar: str) -> str:
    return f"/me/calendars/{quote(calendar, safe='')}"


def _event_path(calendar: str, href: str) -> str:
    return f"{_calendar_path(calendar)}/events/{quote(href, safe='')}"


def _event(calendar: str, href: str) -> str:
    return f"{_event_path(calendar, href)}?{_query({'$select': SELECT_OWN, '$expand': EXPAND_UID})}"


def _query(parameters: dict[str, Any]) -> str:
    return urlencode(parameters, safe="$,:()'=/", quote_via=quote)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
