"""
Owns calendar servers that nobody here wrote, Radicale and Xandikos, and the hand of a person who edits at one of them.

Leaves faults on the way to them to `dav_proxy`.
"""

import base64
import contextlib
import secrets
import signal
import sys
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, urljoin
from xml.sax.saxutils import escape

from aiohttp import ClientSession, ClientTimeout

from server.embedded.child import Part
from tests.peers.dav_proxy import dav_proxy
from tests.processes import free_port
from tests.services import Server

DAV = "{DAV:}"

_STOP = ((signal.SIGTERM, 2),)

_MAKE = """<?xml version="1.0" encoding="utf-8"?>
<c:mkcalendar xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:a="http://apple.com/ns/ical/">
<d:set><d:prop><d:displayname>{name}</d:displayname><a:calendar-color>{colour}</a:calendar-color></d:prop></d:set>
</c:mkcalendar>"""

_LIST = '<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/><d:resourcetype/></d:prop></d:propfind>'

_SYNC = (
    '<d:sync-collection xmlns:d="DAV:"><d:sync-token>{token}</d:sync-token><d:sync-level>1</d:sync-level>'
    "<d:prop><d:getetag/></d:prop></d:sync-collection>"
)


class Rejected(Exception):
    """The server did not do what the person wanted."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"status {status}: {body[:500]}")
        self.status = status


@dataclass
class CalendarServer:
    """One person's account at a server; its methods are their own calendar app, which knows nothing of ours."""

    kind: str
    """`radicale` or `xandikos`."""
    url: str
    """What the person would type to connect."""
    user: str
    password: str
    home_url: str
    """Where their calendars are; ends with a slash."""
    _session: ClientSession = field(repr=False)

    @property
    def authorization(self) -> str:
        """The value of the header that lets this person in."""
        return basic(self.user, self.password)

    def calendar_url(self, name: str) -> str:
        """Of a calendar; ends with a slash."""
        return f"{self.home_url}{quote(name)}/"

    def object_url(self, name: str, uid: str) -> str:
        """Of the object that `put` makes."""
        return f"{self.calendar_url(name)}{quote(uid, safe='')}.ics"

    async def make_calendar(self, name: str, display_name: str | None = None, colour: str = "#336699") -> str:
        """A new calendar; its URL."""
        body = _MAKE.format(name=escape(display_name or name.title()), colour=colour)
        await self.ask("MKCALENDAR", self.calendar_url(name), body)
        return self.calendar_url(name)

    async def drop_calendar(self, name: str) -> None:
        """Deletes a calendar with all that is in it."""
        await self.ask("DELETE", self.calendar_url(name))

    async def put(
        self,
        name: str,
        uid: str,
        text: str,
        *,
        href: str | None = None,
        new: bool = False,
        etag: str | None = None,
    ) -> str:
        """
        Stores an object as *uid*`.ics`, whatever is there; its ETag.

        Args:
            href: Of an object that has another name; a URL or a path.
            new: Only if nothing is there (If-None-Match: *).
            etag: Only if it is still this version.

        Raises:
            Rejected: The server does not take it.
        """
        url = self._object(name, uid, href)
        headers = {"Content-Type": "text/calendar; charset=utf-8"}
        headers |= {"If-None-Match": "*"} if new else {}
        headers |= {"If-Match": etag} if etag else {}
        answer = await self.ask("PUT", url, text, headers)
        return answer.headers.get("etag") or (await self.ask("GET", url)).headers["etag"]

    async def get(self, name: str, uid: str = "", *, href: str | None = None) -> str | None:
        """The text of an object; None if it is not there."""
        try:
            return (await self.ask("GET", self._object(name, uid, href))).text
        except Rejected as error:
            if error.status == 404:
                return None
            raise

    async def delete(self, name: str, uid: str = "", *, href: str | None = None, etag: str | None = None) -> None:
        """Removes an object."""
        await self.ask("DELETE", self._object(name, uid, href), headers={"If-Match": etag} if etag else {})

    async def list_(self, name: str) -> dict[str, str]:
        """The ETags of all objects of a calendar, by their URL."""
        url = self.calendar_url(name)
        listed = await self.ask("PROPFIND", url, _LIST, {"Depth": "1"})
        return {
            urljoin(url, each.findtext(f"{DAV}href", "")): each.findtext(f".//{DAV}getetag", "")
            for each in ET.fromstring(listed.text).iter(f"{DAV}response")
            if each.find(f".//{DAV}collection") is None
        }

    async def texts(self, name: str) -> dict[str, str]:
        """The texts of all objects of a calendar, by their URL."""
        return {url: (await self.ask("GET", url)).text for url in await self.list_(name)}

    async def sync(self, name: str, token: str = "") -> tuple[dict[str, int], str]:
        """What has changed since *token*: statuses (200 or 404) by URL; and the next token."""
        url = self.calendar_url(name)
        answer = await self.ask("REPORT", url, _SYNC.format(token=escape(token)), {"Depth": "0"})
        tree = ET.fromstring(answer.text)
        changes = {
            urljoin(url, each.findtext(f"{DAV}href", "")): 404 if " 404 " in each.findtext(f"{DAV}status", "") else 200
            for each in tree.iter(f"{DAV}response")
        }
        return changes, tree.findtext(f"{DAV}sync-token", "")

    async def ask(self, method: str, url: str, body: str = "", headers: Mapping[str, str] | None = None) -> "Told":
        """
        Any request of this person.

        Raises:
            Rejected: Its status is not a success.
        """
        kind = {"Content-Type": "application/xml; charset=utf-8"} if body else {}
        sent = {"Authorization": self.authorization, **kind, **(headers or {})}
        async with self._session.request(method, url, data=body.encode() or None, headers=sent) as response:
            text = await response.text()
            if response.status >= 300:
                raise Rejected(response.status, text)
            return Told(response.status, {key.lower(): value for key, value in response.headers.items()}, text)

    def _object(self, name: str, uid: str, href: str | None) -> str:
        return urljoin(self.home_url, href) if href else self.object_url(name, uid)


@dataclass(frozen=True)
class Told:
    """A server's answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str


class CalendarProgram(Server, ABC):
    """A calendar server as a process of its own, for any number of people; `account` makes one more of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        super().__init__(self._part())
        # Not at once as other servers: SIGQUIT means nothing, or a dump of the core, to these two.
        self.part = replace(self.part, stop=_STOP)

    @property
    def url(self) -> str:
        """Of the process itself."""
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def account(self, *calendars: str) -> AsyncIterator[CalendarServer]:
        """A new person with *calendars*, by default one named `work`. Keeps running in the loop that entered it."""
        user, password = f"p{secrets.token_hex(5)}", secrets.token_urlsafe(9)
        async with self._open(user, password) as url, ClientSession(timeout=ClientTimeout(total=30)) as session:
            server = CalendarServer(self.kind, url, user, password, f"{url}{self._home(user)}", session)
            await server.ask("PROPFIND", f"{url}/{user}/", _LIST, {"Depth": "0"})  # both make a person's home now
            for name in calendars or ("work",):
                await server.make_calendar(name)
            yield server

    def is_ready(self) -> bool:
        """Whether it answers, whatever."""
        try:
            with urllib.request.urlopen(self.url, timeout=2):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    kind: str

    @abstractmethod
    def _part(self) -> Part: ...

    @abstractmethod
    def _open(self, user: str, password: str) -> contextlib.AbstractAsyncContextManager[str]:
        """Lets a new person in; the URL for them."""

    @abstractmethod
    def _home(self, user: str) -> str:
        """Path of their calendars."""


class Radicale(CalendarProgram):
    """Radicale 3, which reads its htpasswd file on every login."""

    kind = "radicale"

    def _part(self) -> Part:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._logins = self.folder / "htpasswd"
        self._logins.touch()
        config = self.folder / "config"
        config.write_text(f"""\
[server]
hosts = 127.0.0.1:{self.port}
[auth]
type = htpasswd
htpasswd_filename = {self._logins}
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = {self.folder / "collections"}
[logging]
level = warning
""")
        command = [sys.executable, "-P", "-m", "radicale", "--config", config]
        return Part(name="radicale", command=command, is_ready=self.is_ready, start_timeout_s=30, talkative=True)

    @contextlib.asynccontextmanager
    async def _open(self, user: str, password: str) -> AsyncIterator[str]:
        with self._logins.open("a") as file:
            file.write(f"{user}:{password}\n")
        yield self.url

    def _home(self, user: str) -> str:
        return f"/{user}/"


class Xandikos(CalendarProgram):
    """
    Xandikos, which has no passwords over plain HTTP: each account comes with a proxy that asks for one.

    The proxy lives in the loop of the test, and ends with the account.
    """

    kind = "xandikos"

    def _part(self) -> Part:
        state = self.folder / "state"
        state.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-P", "-m", "xandikos", "multi-user", "--no-detect-systemd"]
        command += ["--listen-address", "127.0.0.1", "--port", str(self.port)]
        command += ["--directory", str(self.folder / "collections"), "--state-dir", str(state)]
        command += ["--trust-x-remote-user-from", "127.0.0.1"]
        return Part(name="xandikos", command=command, is_ready=self.is_ready, start_timeout_s=30, talkative=True)

    @contextlib.asynccontextmanager
    async def _open(self, user: str, password: str) -> AsyncIterator[str]:
        async with dav_proxy(self.url, logins={basic(user, password): user}) as gate:
            yield gate.url

    def _home(self, user: str) -> str:
        return f"/{user}/calendars/"


PROGRAMS = {"radicale": Radicale, "xandikos": Xandikos}


def basic(user: str, password: str) -> str:
    """A header's value (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
