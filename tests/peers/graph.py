"""
Owns a service that answers as Microsoft Graph does, and refuses what it would refuse.

Leaves the mailbox to `graph_mailbox`. What it knows of the real one is from its documentation, and from what people
have reported of it; where these are silent it is strict.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from aiohttp import web

from tests.peers.graph_mailbox import DEFAULTS, ItemJson, Mailbox, Stored, Window
from tests.peers.webhook_receiver import http_server

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)

WRITABLE = {
    "subject", "body", "start", "end", "location", "showAs", "sensitivity", "categories", "isAllDay", "isReminderOn",
    "reminderMinutesBeforeStart", "responseRequested", "singleValueExtendedProperties", "recurrence",
}  # fmt: skip
SELECTABLE = {
    *DEFAULTS, "id", "subject", "start", "end", "type", "seriesMasterId", "iCalUId", "createdDateTime",
    "lastModifiedDateTime", "changeKey", "originalStart", "name", "color", "hexColor", "canEdit", "isDefaultCalendar",
}  # fmt: skip

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?")
_WINDOW = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_EXPAND = re.compile(r"singleValueExtendedProperties\(\$filter=id eq '(String \{[0-9a-fA-F-]{36}\} Name \w+)'\)")
_FILTER = re.compile(
    r"singleValueExtendedProperties/Any\(ep: ep/id eq '(String \{[0-9a-fA-F-]{36}\} Name \w+)' and ep/value eq '(.*)'\)"
)


class Refused(Exception):
    """The answer is an error."""

    def __init__(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.status, self.code, self.headers = status, code, headers or {}


@dataclass
class Asked:
    """A request, alone or in a batch."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any = None


@dataclass
class Graph:
    """The service, with one mailbox."""

    url: str = ""
    token: str = "a-graph-token"
    mailbox: Mailbox = field(default_factory=Mailbox)
    now: datetime = NOW
    fail: Callable[[Asked], Refused | None] = lambda _: None
    """Asked of every request."""
    loses_answers: bool = False
    """Does what it is told, and hangs up without an answer."""
    answers: dict[str, bytes] = field(default_factory=dict)
    """By path, decoded: bodies that are answered instead, with 200."""
    lost_tokens: tuple[int, str] = (410, "syncStateNotFound")
    leads_to: str = ""
    """An origin for the links of lists, other than its own."""
    page_size: int = 1000
    """Most items on a page of a delta query, whatever is preferred."""
    delay_s: float = 0
    asked: list[Asked] = field(default_factory=list)
    """Everything that was asked, batches and what was in them alike."""
    wrong: list[str] = field(default_factory=list)
    """What no client should send."""
    most_at_once: int = 0
    subscriptions: dict[str, ItemJson] = field(default_factory=dict)
    call: Callable[[str, ItemJson], Awaitable[str]] | None = None
    """Calls a notification URL; without one, addresses are believed."""
    _rounds: dict[str, tuple[list[ItemJson], str, Window, int]] = field(default_factory=dict)
    _deltas: dict[str, tuple[str, Window, int]] = field(default_factory=dict)
    _at_once: int = 0

    @property
    def base_url(self) -> str:
        return self.url + "/v1.0"

    @property
    def authorization(self) -> str:
        return f"Bearer {self.token}"

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/v1.0/{tail:.*}", self.handle)]

    def forget_tokens(self) -> None:
        self._rounds.clear()
        self._deltas.clear()

    def notice(self, subscription: str) -> ItemJson:
        """What is posted to the notification URL when something changes."""
        about = self.subscriptions[subscription]
        return {
            "value": [
                {
                    "subscriptionId": subscription,
                    "subscriptionExpirationDateTime": about["expirationDateTime"],
                    "clientState": about["clientState"],
                    "changeType": "updated",
                    "resource": about["resource"],
                }
            ]
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self.delay_s)
            status, headers, body = await self._handle(request)
        finally:
            self._at_once -= 1
        if self.loses_answers and request.transport is not None:
            request.transport.abort()
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        return web.Response(status=status, headers=headers, body=content, content_type="application/json")

    async def _handle(self, request: web.Request) -> tuple[int, dict[str, str], Any]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        url = urlsplit(request.raw_path.removeprefix("/v1.0"))
        try:
            if self._at_once > 4:
                raise Refused(429, "ApplicationThrottled", {"Retry-After": "7"})
            if headers.get("authorization") != self.authorization:
                raise Refused(401, "InvalidAuthenticationToken")
            content = await request.read()
            body = json.loads(content) if content else None
            asked = Asked(request.method, url.path, _query(url.query), headers, body)
            if url.path == "/$batch":
                return 200, {}, {"responses": await self._batch(asked)}
        except Refused as error:
            return error.status, error.headers, _error(error)
        return await self._one(asked)

    async def _batch(self, asked: Asked) -> list[ItemJson]:
        self.asked.append(asked)
        if error := self.fail(asked):
            raise error
        requests = asked.body["requests"]
        if len(requests) > 20 or len({each["id"] for each in requests}) < len(requests):
            raise self._judge("a batch of more than 20, or with an id twice")
        replies = []
        for each in requests:
            if self._strange(each, {"id", "method", "url", "headers", "body"}) or not each["url"].startswith("/"):
                raise self._judge("a strange request in a batch")
            url = urlsplit(each["url"])
            headers = {name.lower(): value for name, value in each.get("headers", {}).items()}
            one = Asked(each["method"], url.path, _query(url.query), headers, each.get("body"))
            status, sent, body = await self._one(one)
            replies.append({"id": each["id"], "status": status, "headers": sent, "body": body})
        return replies[::-1]  # the order is not that of the requests

    async def _one(self, asked: Asked) -> tuple[int, dict[str, str], Any]:
        self.asked.append(asked)
        try:
            if error := self.fail(asked):
                raise error
            if unquote(asked.path) in self.answers:
                return 200, {}, self.answers[unquote(asked.path)]
            return await self._answer(asked)
        except Refused as error:
            return error.status, error.headers, _error(error)

    async def _answer(self, asked: Asked) -> tuple[int, dict[str, str], Any]:
        parts = [unquote(part) for part in asked.path.strip("/").split("/")]
        if parts[0] == "subscriptions":
            return await self._subscription(asked, parts[1:])
        if parts[:2] != ["me", "calendars"]:
            raise self._judge(f"an unknown path {asked.path}", 404, "ResourceNotFound")
        self._check_prefer(asked)
        if len(parts) == 2:
            return 200, {}, self._list(asked, list(self.mailbox.calendars.values()), {"$select", "$top", "$skip"})
        calendar = parts[2]
        if calendar not in self.mailbox.calendars:
            raise Refused(404, "ErrorItemNotFound")
        rest = parts[3:]
        if not rest:
            self._check_query(asked, {"$select"})
            return 200, {}, _selected(self.mailbox.calendars[calendar], asked)
        if rest == ["calendarView", "delta"]:
            return 200, {}, self._delta(asked, calendar)
        if rest == ["events"]:
            return self._create(asked, calendar) if asked.method == "POST" else (200, {}, self._find(asked, calendar))
        event = self.mailbox.events.get(rest[1])
        if event is None or event.calendar != calendar:
            raise self._absent(asked, rest[1])
        if rest[2:] == ["instances"]:
            return 200, {}, self._instances(asked, event)
        return self._event(asked, event)

    def _event(self, asked: Asked, event: Stored) -> tuple[int, dict[str, str], Any]:
        if asked.method == "GET":
            self._check_query(asked, {"$select", "$expand"})
            return 200, {}, self._shown(event, asked)
        self._check_query(asked, set())
        condition = asked.headers.get("if-match")
        if condition is None:
            self.wrong.append(f"an unconditional {asked.method}")
        elif condition not in {"*", event.etag}:
            raise Refused(412, "ErrorIrresolvableConflict")
        if asked.method == "DELETE":
            self.mailbox.delete(event.id)
            return 204, {}, None
        self._check_body(asked, WRITABLE)
        self._store(event, asked.body)
        return 200, {}, self._told(event, asked)

    def _create(self, asked: Asked, calendar: str) -> tuple[int, dict[str, str], Any]:
        self._check_query(asked, set())
        self._check_body(asked, WRITABLE | {"transactionId"})
        if not {"start", "end", "subject"} <= asked.body.keys():
            raise self._judge("an event without start, end or subject")
        transaction = asked.body.get("transactionId")
        for each in self.mailbox.events.values():
            if transaction and each.item["transactionId"] == transaction:
                return 201, {}, self._told(each, asked)
        href = self.mailbox.add(calendar, "", self.now, self.now, transactionId=transaction)
        self._store(self.mailbox.events[href], asked.body)
        return 201, {}, self._told(self.mailbox.events[href], asked)

    def _store(self, event: Stored, body: ItemJson) -> None:
        given = dict(body)
        given.pop("transactionId", None)
        if "recurrence" in given and given.pop("recurrence") is None:
            event.every = None
        for each in given.pop("singleValueExtendedProperties", []):
            event.properties[each["id"]] = each["value"]
        start, end = (
            datetime.fromisoformat(given.pop(name)["dateTime"]).replace(tzinfo=UTC) if name in given else usual
            for name, usual in (("start", event.start), ("end", event.end))
        )
        if end < start:
            raise Refused(400, "ErrorPropertyValidationFailure")
        event.item |= given
        self.mailbox.move(event.id, start, end)

    def _find(self, asked: Asked, calendar: str) -> ItemJson:
        self._check_query(asked, {"$select", "$expand", "$filter", "$top"})
        wanted = _FILTER.fullmatch(asked.query.get("$filter", ""))
        if wanted is None:
            raise self._judge("a list of events without a filter that is understood")
        value = wanted[2].replace("''", "'").lower()
        events = [each for each in self.mailbox.events.values() if each.calendar == calendar]
        found = [each for each in events if each.properties.get(wanted[1], "").lower() == value]
        return {"value": [self._shown(each, asked) for each in found]}

    def _instances(self, asked: Asked, event: Stored) -> ItemJson:
        self._check_query(asked, {"startDateTime", "endDateTime", "$select", "$top", "$skip", "$expand"})
        if event.every is None:
            raise Refused(400, "ErrorInvalidOperation")
        found = self.mailbox.instances(event, self._window(asked))
        return self._list(asked, found, set(asked.query))

    def _list(self, asked: Asked, items: list[ItemJson], allowed: set[str]) -> ItemJson:
        self._check_query(asked, allowed)
        begin, size = int(asked.query.get("$skip", "0")), int(asked.query.get("$top", "10"))
        answer: ItemJson = {"value": [_selected(each, asked) for each in items[begin : begin + size]]}
        if begin + size < len(items):
            query = "&".join(f"{name}={value}" for name, value in asked.query.items() if name != "$skip")
            answer["@odata.nextLink"] = f"{self._origin}{asked.path}?{query}&$skip={begin + size}"
        return answer

    def _delta(self, asked: Asked, calendar: str) -> ItemJson:
        size = re.search(r"odata\.maxpagesize=(\d+)", asked.headers.get("prefer", ""))
        if skip := asked.query.get("$skiptoken"):
            self._check_query(asked, {"$skiptoken"})
            key, _, begin = skip.rpartition("-")
        else:
            key, begin = self._begin_round(asked, calendar), "0"
        if key not in self._rounds:
            raise Refused(*self.lost_tokens)
        items, _, window, until = self._rounds[key]
        first, last = int(begin), int(begin) + min(int(size[1] if size else "10"), self.page_size)
        answer: ItemJson = {"value": items[first:last]}
        link = f"{self._origin}{asked.path}?"
        if last < len(items):
            return answer | {"@odata.nextLink": f"{link}$skiptoken={key}-{last}"}
        token = f"d{len(self._deltas)}_s"
        self._deltas[token] = (calendar, window, until)
        return answer | {"@odata.deltaLink": f"{link}$deltatoken={token}"}

    def _begin_round(self, asked: Asked, calendar: str) -> str:
        until = len(self.mailbox.log)
        if token := asked.query.get("$deltatoken"):
            self._check_query(asked, {"$deltatoken"})
            if token not in self._deltas or self._deltas[token][0] != calendar:
                raise Refused(*self.lost_tokens)
            _, window, since = self._deltas[token]
            hrefs = dict.fromkeys(href for where, href in self.mailbox.log[since:] if where == calendar)
            gone = {"@removed": {"reason": "deleted"}}
            items = [
                item
                for href in hrefs
                for item in self.mailbox.in_view(href, calendar, window) or [{"id": href, **gone}]
            ]
        else:
            self._check_query(asked, {"startDateTime", "endDateTime"})
            window = self._window(asked)
            items = [item for href in self.mailbox.events for item in self.mailbox.in_view(href, calendar, window)]
        key = f"r{len(self._rounds)}"
        self._rounds[key] = (items, calendar, window, until)
        return key

    async def _subscription(self, asked: Asked, rest: list[str]) -> tuple[int, dict[str, str], Any]:
        self._check_query(asked, set())
        if asked.method != "POST" and (not rest or rest[0] not in self.subscriptions):
            raise Refused(404, "ResourceNotFound")
        if asked.method == "DELETE":
            del self.subscriptions[rest[0]]
            return 204, {}, None
        expected = {"expirationDateTime"}
        if asked.method == "POST":
            expected |= {"changeType", "notificationUrl", "resource", "clientState"}
        if asked.body.keys() != expected:
            raise self._judge("a subscription with too much or too little")
        until = datetime.fromisoformat(asked.body["expirationDateTime"])
        if not self.now < until <= self.now + timedelta(minutes=4230):
            raise self._judge("a subscription that ends too late or too early")
        if asked.method == "PATCH":
            self.subscriptions[rest[0]] |= asked.body
            return 200, {}, self.subscriptions[rest[0]]
        return 201, {}, await self._subscribed(asked.body)

    async def _subscribed(self, body: ItemJson) -> ItemJson:
        resource = re.fullmatch("me/calendars/([^/]+)/events", body["resource"])
        if resource is None or unquote(resource[1]) not in self.mailbox.calendars:
            raise self._judge("a subscription to something unknown")
        if not body["notificationUrl"].startswith("https://") or len(body["clientState"]) > 128:
            raise self._judge("a notification URL without TLS, or a long clientState")
        if not set(body["changeType"].split(",")) <= {"created", "updated", "deleted"}:
            raise self._judge("an unknown change type")
        if (
            self.call
            and await self.call(body["notificationUrl"], {"validationToken": "Validation: 1"}) != "Validation: 1"
        ):
            raise Refused(400, "ValidationError")
        href = f"7f105c7d-2dc5-4530-97cd-{len(self.subscriptions):012}"
        self.subscriptions[href] = {"id": href, **body}
        return self.subscriptions[href]

    @property
    def _origin(self) -> str:
        return (self.leads_to or self.url) + "/v1.0"

    def _window(self, asked: Asked) -> Window:
        begin, end = asked.query.get("startDateTime", ""), asked.query.get("endDateTime", "")
        if not _WINDOW.fullmatch(begin) or not _WINDOW.fullmatch(end):
            raise self._judge("a window that is none")
        return datetime.fromisoformat(begin), datetime.fromisoformat(end)

    def _absent(self, asked: Asked, href: str) -> Refused:
        # msgraph-sdk-dotnet, issue 3047: immutable ids know what is in the bin
        if asked.method == "DELETE" and href in self.mailbox.bin:
            return Refused(403, "ErrorCannotDeleteObject")
        return Refused(404, "ErrorItemNotFound")

    def _shown(self, event: Stored, asked: Asked) -> ItemJson:
        shown = _selected(self._told(event, asked), asked)
        if "$expand" in asked.query:
            name = _EXPAND.fullmatch(asked.query["$expand"])
            if name is None:
                raise self._judge("an $expand that is not understood")
            if name[1] in event.properties:
                shown["singleValueExtendedProperties"] = [{"id": name[1], "value": event.properties[name[1]]}]
        return shown

    def _told(self, event: Stored, asked: Asked) -> ItemJson:
        """With the notes as text, if that is preferred: Exchange has made HTML of them, and makes text of that."""
        item = self.mailbox.item(event)
        if 'outlook.body-content-type="text"' in asked.headers.get("prefer", ""):
            lines = re.sub("<[^>]+>", "", item["body"]["content"]).split("\n")
            item["body"] = {"contentType": "text", "content": "\r\n".join([*lines, ""])}
        return item

    def _check_prefer(self, asked: Asked) -> None:
        prefer = asked.headers.get("prefer", "")
        if 'IdType="ImmutableId"' not in prefer or 'outlook.timezone="UTC"' not in prefer:
            raise self._judge(f"Prefer: {prefer}")

    def _check_query(self, asked: Asked, allowed: set[str]) -> None:
        if unknown := asked.query.keys() - allowed:
            raise self._judge(f"query parameters {unknown} at {asked.path}", 400, "ErrorInvalidUrlQuery")
        if unknown := set(asked.query.get("$select", "id").split(",")) - SELECTABLE:
            raise self._judge(f"$select of {unknown}", 400, "BadRequest")

    def _check_body(self, asked: Asked, allowed: set[str]) -> None:
        body = asked.body
        if asked.headers.get("content-type") != "application/json" or not isinstance(body, dict):
            raise self._judge("no JSON object")
        if self._strange(body, allowed):
            raise self._judge(f"properties {body.keys() - allowed}", 400, "ErrorPropertyValidationFailure")
        for name in {"start", "end"} & body.keys():
            given = body[name]
            if given.keys() != {"dateTime", "timeZone"} or not _DATE_TIME.fullmatch(given["dateTime"]):
                raise self._judge(f"{name}: {given}", 400, "ErrorInvalidParameter")
            if given["timeZone"] != "UTC":
                raise self._judge(f"{name}: {given}", 400, "TimeZoneNotSupportedException")
            if body.get("isAllDay") and "T00:00:00" not in given["dateTime"]:
                raise self._judge("an all-day event that is not", 400, "ErrorInvalidParameter")
        if "body" in body and body["body"].get("contentType") not in {"text", "html"}:
            raise self._judge("a body of an unknown type")

    @staticmethod
    def _strange(given: ItemJson, allowed: set[str]) -> bool:
        return not given.keys() <= allowed

    def _judge(self, problem: str, status: int = 400, code: str = "ErrorInvalidRequest") -> Refused:
        self.wrong.append(problem)
        return Refused(status, code)


def _query(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True))


def _selected(item: ItemJson, asked: Asked) -> ItemJson:
    if "$select" not in asked.query:
        return dict(item)
    names = {*asked.query["$select"].split(","), "@odata.etag", "id"}
    return {name: value for name, value in item.items() if name in names}


def _error(error: Refused) -> ItemJson:
    return {"error": {"code": error.code, "message": "As the documentation says.", "innerError": {"request-id": "1"}}}


@contextlib.asynccontextmanager
async def graph_server() -> AsyncIterator[Graph]:
    """The service, on loopback."""
    graph = Graph()
    async with http_server(graph.routes()) as url:
        graph.url = url
        yield graph
