"""
Owns the `caldav` library's async client as we use it: its requests and its reading of XML, over an `Exchange`.

Leaves what an answer means to `caldav_answers` and `multistatus`. The library would open connections of its own, ask
again without credentials after a failure, and look names up: here it only says what to send, and reads what came.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from caldav.aio import AsyncDAVClient
from caldav.response import DAVResponse
from lxml.etree import LxmlError  # type: ignore[import-untyped]

from ics.remote.errors import Forbidden, Nonsense
from ics.remote.http import Exchange, Reply

_HTTP, _HTTPS = 80, 443


class CalDavClient(AsyncDAVClient):
    """One account's client. Not thread-safe; holds no connection."""

    def __init__(self, exchange: Exchange, url: str, *, authorization: str, hosts: tuple[str, ...] = ()) -> None:
        """
        Args:
            authorization: The value of the header, `Basic ...` or `Bearer ...`.
            hosts: Domains whose hosts may get it, besides that of *url* and those below it.
        """
        self._exchange = exchange
        self._authorization = authorization
        self._origin = _origin(url)
        self._hosts = (urlsplit(url).hostname or "", *hosts)
        super().__init__(url=url, enable_rfc6764=False, rate_limit_handle=False)
        self.last: Reply | None = None

    def _create_session(self) -> None:
        """The library's own connections are never opened."""

    async def close(self) -> None:
        """Nothing is open."""

    async def _async_request(
        self, url: str, method: str = "GET", body: str = "", headers: Mapping[str, str] | None = None
    ) -> DAVResponse:
        _, combined = self._prepare_request(url, method, body, headers)
        sent = {
            **{str(name): str(value) for name, value in combined.items()},
            "User-Agent": "Bookable",
            "Authorization": self._authorization,
        }
        # The URL as we were given it: the library's own would be unquoted and quoted again on the way.
        reply = await self._call(method, str(url), sent, body.encode())
        if reply.status == 401 and _origin(reply.url) != _origin(str(url)):
            # Redirected to another origin, where credentials do not follow by themselves.
            reply = await self._call(method, reply.url, sent, body.encode())
        self.last = reply
        return read_xml(reply, self)

    async def _call(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Raises Forbidden where the credentials of this account have no business."""
        scheme, host, port = _origin(url)
        is_related = any(host == each or host.endswith(f".{each}") for each in self._hosts if each)
        if (scheme, host, port) != self._origin and not (is_related and scheme == "https" and port == _HTTPS):
            raise Forbidden("the calendar server sends us to another server, which must not get the password")
        return await self._exchange(method, url, headers=headers, body=body)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (_HTTPS if parts.scheme == "https" else _HTTP)


def read_xml(reply: Reply, client: AsyncDAVClient | None = None) -> DAVResponse:
    """
    *reply* as the library reads it, with `tree` where the body is XML. Of a refusal the status counts: a body that
    cannot be read is passed over.

    Raises:
        Nonsense: The body of a success is broken XML, or has a document type, which nobody needs to send us.
    """
    try:
        response = DAVResponse(_Raw(reply, reply.body), client)
        if response.tree is not None and response.tree.getroottree().docinfo.doctype:
            raise Nonsense("the calendar server sent a document that is not allowed")
    except (Nonsense, LxmlError, ValueError, TypeError, AssertionError) as error:
        if reply.status >= 300:
            return DAVResponse(_Raw(reply, b""), client)
        if isinstance(error, Nonsense):
            raise
        raise Nonsense("the calendar server sent a broken document") from None
    return response


class _Raw:
    """A reply, under the names by which the library asks for its parts."""

    def __init__(self, reply: Reply, body: bytes) -> None:
        self.headers: dict[str, Any] = _Headers(reply.headers)
        self.status_code = reply.status
        self.content = body
        self.text = ""
        self.reason = ""


class _Headers(dict[str, Any]):
    """Looked up in any case."""

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)
