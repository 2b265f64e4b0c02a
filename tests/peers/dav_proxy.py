"""
Owns a proxy before a calendar server that does to chosen requests everything that networks and servers do to people.

Leaves the server to `calendar_servers`. A fault is a function of a `Call`; `DavProxy.when` says which requests it
meets, and whatever no rule meets goes through untouched.
"""

import asyncio
import contextlib
import functools
import gzip
import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from multidict import CIMultiDict
from yarl import URL

DAV = "{DAV:}"
CALDAV = "{urn:ietf:params:xml:ns:caldav}"
XML = "application/xml; charset=utf-8"

ICS = r"\.ics$"
"""The path of an object."""
SYNC = "sync-collection"
"""In the body of a REPORT that asks what has changed."""
SYNC_SINCE = r"sync-token>\s*[^<\s]"
"""In the body of one that asks since when."""
MULTIGET = "calendar-multiget"
"""In the body of one that asks for objects by name."""

Edit = Callable[[ET.Element], object]
Fault = Callable[["Call"], Awaitable[web.StreamResponse]]

_OF_ONE_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "date", "server"}


@dataclass
class Logged:
    """A request as it came in. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str
    forwarded: int | None = None
    """What the server behind answered; None if it never saw this request."""


@dataclass
class Rule:
    """Which requests meet a fault: of those that fit, from the *nth* on, so many *times* (None: always)."""

    fault: Fault
    method: str
    path: re.Pattern[str]
    body: re.Pattern[str]
    nth: int
    times: int | None
    fitting: int = 0
    done: int = 0

    def takes(self, seen: Logged) -> bool:
        """Whether *seen* meets the fault; counts."""
        if self.method not in {"", seen.method} or not self.path.search(seen.path) or not self.body.search(seen.body):
            return False
        self.fitting += 1
        if self.fitting < self.nth or (self.times is not None and self.done >= self.times):
            return False
        self.done += 1
        return True


@dataclass
class Answer:
    """What the server behind answered."""

    status: int
    headers: CIMultiDict[str]
    body: bytes

    def response(self) -> web.Response:
        """As it came."""
        return web.Response(status=self.status, headers=self.headers, body=self.body)


@dataclass
class Call:
    """One request on its way."""

    proxy: "DavProxy"
    request: web.Request
    seen: Logged
    body: bytes
    user: str | None
    """Who sent it, where the proxy asks for passwords."""

    async def forward(self) -> Answer:
        """Let the server behind do it."""
        headers = CIMultiDict((k, v) for k, v in self.request.headers.items() if k.lower() not in _OF_ONE_HOP)
        headers["Accept-Encoding"] = "identity"  # what is compressed could not be twisted
        if self.proxy.logins:
            headers.popall("Authorization", None)
            headers["X-Remote-User"] = self.user or ""
        url = URL(self.proxy.target + self.request.raw_path, encoded=True)
        async with self.proxy.session.request(
            self.request.method, url, headers=headers, data=self.body or None, allow_redirects=False
        ) as response:
            self.seen.forwarded = response.status
            kept = CIMultiDict((k, v) for k, v in response.headers.items() if k.lower() not in _OF_ONE_HOP)
            return Answer(response.status, kept, await response.read())

    def hang_up(self, *, politely: bool = False) -> web.Response:
        """End the connection: now, or after what has been written."""
        transport = self.request.transport
        if transport is not None:
            transport.close() if politely else transport.abort()
        return web.Response()

    async def begin(self, status: int, headers: Mapping[str, str], length: int | None) -> web.StreamResponse:
        """The head of an answer that announces *length* bytes; None: as many as come."""
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = length
        await response.prepare(self.request)
        return response


@dataclass
class DavProxy:
    """One proxy."""

    target: str
    """The server behind; no slash at its end."""
    url: str = ""
    """Of the proxy itself; no slash at its end."""
    logins: Mapping[str, str] = field(default_factory=dict)
    """
    Users by the Authorization header that lets them in; whoever has no such header gets a 401.

    The server behind learns the user as `X-Remote-User`. Empty: everything goes through as it is.
    """
    rules: list[Rule] = field(default_factory=list)
    requests: list[Logged] = field(default_factory=list)
    """All that came, in order."""
    session: ClientSession = field(init=False, repr=False)

    def when(
        self, fault: Fault, method: str = "", *, path: str = "", body: str = "", nth: int = 1, times: int | None = 1
    ) -> Rule:
        """
        From now on, *fault* meets the requests that fit; the earliest rule wins.

        Args:
            method: Empty: any.
            path: Regular expression, searched in the path with its query, as it was written.
            body: Regular expression, searched in the body.
            nth: The first of them that it meets.
            times: How many it meets; None: all.
        """
        rule = Rule(fault, method, re.compile(path), re.compile(body), nth, times)
        self.rules.append(rule)
        return rule

    def forget_tokens(self, form: str = "403", *, times: int | None = 1) -> Rule:
        """Every sync token is one that the server does not know; *form* is a key of `TOKEN_GONE`."""
        return self.when(says(*TOKEN_GONE[form]), "REPORT", body=SYNC_SINCE, times=times)

    def without_sync_collection(self, status: int = 403) -> None:
        """The server has never heard of RFC 6578."""
        self.when(says(status), "REPORT", body=SYNC, times=None)
        self.when(edited(_without_sync), "PROPFIND", times=None)

    def in_pages(self, size: int) -> None:
        """sync-collection answers name *size* objects at most, and say that there is more (RFC 6578, 3.6)."""
        self.when(_Pages(size), "REPORT", body=SYNC, times=None)

    def through(self, url: str) -> str:
        """A URL of the server behind, by way of this proxy; its path letter by letter."""
        return self.url + urlsplit(url)._replace(scheme="", netloc="").geturl()

    def seen(self, method: str = "", *, path: str = "", body: str = "") -> list[Logged]:
        """The requests that fit, as in `when`."""
        return [
            each
            for each in self.requests
            if method in {"", each.method} and re.search(path, each.path) and re.search(body, each.body)
        ]

    def count(self, method: str = "", *, path: str = "", body: str = "") -> int:
        """How many there were."""
        return len(self.seen(method, path=path, body=body))

    @property
    def writes(self) -> list[Logged]:
        """The requests that were to change something."""
        return [each for each in self.requests if each.method not in {"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"}]

    def clear(self) -> None:
        """No rules any more, and an empty log."""
        self.rules.clear()
        self.requests.clear()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = Logged(request.method, request.raw_path, headers, body.decode(errors="replace"))
        self.requests.append(seen)
        user = self.logins.get(headers.get("authorization", ""))
        if self.logins and user is None:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="calendars"'})
        call = Call(self, request, seen, body, user)
        rule = next((each for each in self.rules if each.takes(seen)), None)
        return await (rule.fault(call) if rule else _untouched(call))


@contextlib.asynccontextmanager
async def dav_proxy(
    target: str, *, logins: Mapping[str, str] | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[DavProxy]:
    """A proxy on loopback before *target*."""
    proxy = DavProxy(target.rstrip("/"), logins=logins or {})
    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/{path:.*}", proxy.serve)
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    # Radicale hangs up after each answer: a connection that is kept would fail the request after.
    connector = TCPConnector(force_close=True)
    async with ClientSession(
        connector=connector, auto_decompress=False, timeout=ClientTimeout(total=60), cookie_jar=DummyCookieJar()
    ) as proxy.session:
        await site.start()
        proxy.url = f"http://{host}:{runner.addresses[0][1]}"
        try:
            yield proxy
        finally:
            await runner.cleanup()


# The wire


def late(seconds: float) -> Fault:
    """Only after a while."""

    async def fault(call: Call) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await _untouched(call)

    return fault


def cut_before() -> Fault:
    """
    The connection ends; the server behind has seen nothing.

    A client of aiohttp asks a second time by itself (GET, PUT, DELETE): cut more than once to be noticed.
    """

    async def fault(call: Call) -> web.StreamResponse:
        return call.hang_up()

    return fault


def cut_after() -> Fault:
    """The connection ends; the server behind has done it. See `cut_before`: a second time, perhaps."""

    async def fault(call: Call) -> web.StreamResponse:
        await call.forward()
        return call.hang_up()

    return fault


def half_open(*, after: bool = False) -> Fault:
    """Never a byte; the server behind has done it if *after*."""

    async def fault(call: Call) -> web.StreamResponse:
        if after:
            await call.forward()
        await asyncio.Event().wait()
        return web.Response()

    return fault


def truncated(keep: float = 0.5) -> Fault:
    """The connection ends within the body."""

    async def fault(call: Call) -> web.StreamResponse:
        answer = await call.forward()
        response = await call.begin(answer.status, answer.headers, len(answer.body))
        await response.write(answer.body[: int(len(answer.body) * keep)])
        return call.hang_up(politely=True)

    return fault


def shortened(keep: float = 0.5) -> Fault:
    """The document ends in its middle, and HTTP is none the wiser."""

    async def fault(call: Call) -> web.StreamResponse:
        answer = await call.forward()
        return replace(answer, body=answer.body[: int(len(answer.body) * keep)]).response()

    return fault


def slow_drip(pause_s: float = 1.0) -> Fault:
    """The right answer, a byte at a time."""

    async def fault(call: Call) -> web.StreamResponse:
        answer = await call.forward()
        response = await call.begin(answer.status, answer.headers, len(answer.body))
        for byte in answer.body:
            await response.write(bytes([byte]))
            await asyncio.sleep(pause_s)
        return response

    return fault


def never_ending() -> Fault:
    """A multistatus without an end, as fast as it goes."""

    async def fault(call: Call) -> web.StreamResponse:
        response = await call.begin(207, {"Content-Type": XML}, None)
        await response.write(b'<multistatus xmlns="DAV:">')
        while True:
            await response.write(b"<response><href>/x</href></response>" * 2_000)

    return fault


def announces(length: int = 1_000_000_000) -> Fault:
    """So much is about to come; little does."""

    async def fault(call: Call) -> web.StreamResponse:
        response = await call.begin(207, {"Content-Type": XML}, length)
        await response.write(b'<multistatus xmlns="DAV:">')
        await asyncio.Event().wait()
        return response

    return fault


# Answers of the proxy itself


def says(status: int, body: str | bytes = b"", kind: str = XML, **headers: str) -> Fault:
    """This answer, and the server behind has seen nothing; `Retry_After="3"` is a header."""
    sent = {"Content-Type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}

    async def fault(_: Call) -> web.StreamResponse:
        return web.Response(status=status, headers=sent, body=body.encode() if isinstance(body, str) else body)

    return fault


def _error(name: str) -> str:
    return f'<?xml version="1.0"?><d:error xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><{name}/></d:error>'


QUOTA = (
    '<?xml version="1.0"?><errors xmlns="http://schemas.google.com/g/2005"><error><domain>usageLimits</domain>'
    "<code>rateLimitExceeded</code><internalReason>Rate Limit Exceeded</internalReason></error></errors>"
)
TOKEN = _error("d:valid-sync-token")
FORBIDDEN = {"permission": _error("d:need-privileges"), "quota": QUOTA, "token": TOKEN}
"""Bodies of a 403, by what it means."""

TOKEN_GONE: Mapping[str, tuple[int, str]] = {
    "403": (403, TOKEN),  # RFC 6578, 3.2; Radicale
    "409": (409, TOKEN),
    "410": (410, ""),  # Google
    "412": (412, TOKEN),  # Xandikos
}
"""How servers say that they do not know a token; status and body."""

UID_CONFLICT = _error("c:no-uid-conflict")
"""Another object of the calendar has this UID (RFC 4791, 5.3.2.1)."""

LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Log in</title></head><body><form><input name=user></form></body></html>"


def login_page() -> Fault:
    """What a captive portal says to everything."""
    return says(200, LOGIN_PAGE, "text/html; charset=utf-8")


def redirect(url: str, status: int = 302) -> Fault:
    """Elsewhere."""
    return says(status, Location=url)


def redirect_loop() -> Fault:
    """Here again."""

    async def fault(call: Call) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": call.request.raw_path})

    return fault


def gzip_bomb(megabytes: int = 200) -> Fault:
    """Little that becomes much."""
    return says(207, _bomb(megabytes), Content_Encoding="gzip")


def multistatus(*responses: str, token: str | None = None) -> str:
    """A multistatus of these `response` elements; prefix `d`."""
    end = f"<d:sync-token>{escape(token)}</d:sync-token>" if token else ""
    return f'<?xml version="1.0"?><d:multistatus xmlns:d="DAV:">{"".join(responses)}{end}</d:multistatus>'


def entity_bomb() -> str:
    """A multistatus of a gigabyte in a kilobyte: ten entities, each ten times the one before."""
    steps = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
    return _with_type(f'[<!ENTITY e0 "{"x" * 10}">{steps}]', "&e8;")


def external_entity(url: str) -> str:
    """A multistatus that includes what is at *url*: `file:` or `http:`."""
    return _with_type(f'[<!ENTITY secret SYSTEM "{url}">]', "&secret;")


def external_dtd(url: str) -> str:
    """A multistatus whose document type is at *url*."""
    return _with_type(f'SYSTEM "{url}"', "x")


def nested(levels: int = 5_000) -> str:
    """A multistatus with a property that deep."""
    return multistatus(_response(f"{'<d:prop>' * levels}{'</d:prop>' * levels}"))


# Answers of the server behind, twisted


def edited(edit: Edit) -> Fault:
    """The server's own multistatus, after *edit*."""

    async def fault(call: Call) -> web.StreamResponse:
        answer = await call.forward()
        return (_rewritten(answer, edit) if answer.status == 207 else answer).response()

    return fault


def lists_nothing() -> Fault:
    """The server's own multistatus without a member: the collection is there, and as if it were empty."""

    def edit(tree: ET.Element) -> None:
        for response in tree.findall(f"{DAV}response")[1:] if _names_itself(tree) else tree.findall(f"{DAV}response"):
            tree.remove(response)

    return edited(edit)


def denies(name: str, *, propstat: bool = False, status: str = "404 Not Found") -> Fault:
    """The server's own multistatus, but what has *name* in its href is not there, or its properties are not."""

    def edit(tree: ET.Element) -> None:
        for response in tree.iter(f"{DAV}response"):
            if name in response.findtext(f"{DAV}href", ""):
                _deny(response, f"HTTP/1.1 {status}", propstat=propstat)

    return edited(edit)


def without_etag() -> Fault:
    """An answer without the header."""

    async def fault(call: Call) -> web.StreamResponse:
        answer = await call.forward()
        answer.headers.popall("ETag", None)
        return answer.response()

    return fault


def weak_etag() -> Fault:
    """An answer whose ETags are weak, in the header and in the body."""

    def weaken(tree: ET.Element) -> None:
        for each in tree.iter(f"{DAV}getetag"):
            each.text = f"W/{each.text}"

    async def fault(call: Call) -> web.StreamResponse:
        answer = await call.forward()
        if etag := answer.headers.get("ETag"):
            answer.headers["ETag"] = f"W/{etag}"
        return (_rewritten(answer, weaken) if answer.status == 207 else answer).response()

    return fault


def gzipped() -> Fault:
    """The right answer, compressed, whoever asked."""

    async def fault(call: Call) -> web.StreamResponse:
        answer = await call.forward()
        answer.headers["Content-Encoding"] = "gzip"
        return replace(answer, body=gzip.compress(answer.body)).response()

    return fault


class _Pages:
    """sync-collection in pages; the tokens between pages are its own, and stay valid."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._rest: dict[str, tuple[str, str, list[str]]] = {}
        """By token: the collection, the token at the end, and the responses that are still to come."""

    async def __call__(self, call: Call) -> web.StreamResponse:
        sent = ET.fromstring(call.body).findtext(f"{DAV}sync-token", "")
        if sent in self._rest:
            where, token, responses = self._rest[sent]
        else:
            answer = await call.forward()
            if answer.status != 207:
                return answer.response()
            tree = ET.fromstring(answer.body)
            where, token = call.request.raw_path, tree.findtext(f"{DAV}sync-token", "")
            responses = [ET.tostring(each, encoding="unicode") for each in tree.iter(f"{DAV}response")]
        page, rest = responses[: self._size], responses[self._size :]
        if rest:
            following = f"urn:page:{token}:{len(rest)}"
            self._rest[following] = (where, token, rest)
            token = following
            more = "<d:status>HTTP/1.1 507 Insufficient Storage</d:status>"
            page.append(_response(f"{more}<d:error><d:number-of-matches-within-limits/></d:error>", href=where))
        return web.Response(status=207, headers={"Content-Type": XML}, text=multistatus(*page, token=token))


async def _untouched(call: Call) -> web.StreamResponse:
    return (await call.forward()).response()


@functools.cache
def _bomb(megabytes: int) -> bytes:
    return gzip.compress(bytes(megabytes * 1_000_000), compresslevel=1)


def _rewritten(answer: Answer, edit: Edit) -> Answer:
    tree = ET.fromstring(answer.body)
    edit(tree)
    return replace(answer, body=ET.tostring(tree, encoding="utf-8", xml_declaration=True))


def _response(inner: str, *, href: str = "/x") -> str:
    return f"<d:response><d:href>{escape(href)}</d:href>{inner}</d:response>"


def _with_type(document_type: str, text: str) -> str:
    name = f"<d:prop><d:displayname>{text}</d:displayname></d:prop><d:status>HTTP/1.1 200 OK</d:status>"
    document = multistatus(_response(f"<d:propstat>{name}</d:propstat>"))
    return document.replace("?>", f"?><!DOCTYPE d {document_type}>", 1)


def _names_itself(tree: ET.Element) -> bool:
    first = tree.find(f"{DAV}response")
    return first is not None and urlsplit(first.findtext(f"{DAV}href", "")).path.endswith("/")


def _deny(response: ET.Element, status: str, *, propstat: bool) -> None:
    if propstat:
        for each in response.iter(f"{DAV}propstat"):
            each.find(f"{DAV}status").text = status  # type: ignore[union-attr]  # servers behind us are well behaved
        return
    for each in [*response.findall(f"{DAV}propstat"), *response.findall(f"{DAV}status")]:
        response.remove(each)
    ET.SubElement(response, f"{DAV}status").text = status


def _without_sync(tree: ET.Element) -> None:
    for properties in tree.iter(f"{DAV}prop"):
        for each in properties.findall(f"{DAV}sync-token"):
            properties.remove(each)
    for reports in tree.iter(f"{DAV}supported-report-set"):
        for each in [one for one in reports if one.find(f".//{DAV}sync-collection") is not None]:
            reports.remove(each)
