"""
Owns what a multistatus says about each resource (RFC 4918, 13).

Leaves asking to `caldav_account`. hrefs stay as the peer wrote them, made absolute and nothing else: they name a
resource, and who decodes one may name another.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from caldav.response import DAVResponse

from ics.remote.errors import Nonsense

_STATUS_LINE = re.compile(r"\s*HTTP/[0-9.]+ ([1-5][0-9]{2})(?![0-9])")
_ETAG = re.compile(r"[\x21-\x7e]+")

DAV = "{DAV:}"
CALDAV = "{urn:ietf:params:xml:ns:caldav}"
CALENDARSERVER = "{http://calendarserver.org/ns/}"
APPLE = "{http://apple.com/ns/ical/}"

_LONGEST_ETAG = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """
    One `response` element.

    Attributes:
        href: Absolute URL.
        status: Of the resource as a whole; 200 where only its properties have one.
        found: The properties that it has, by tag: lxml elements.
        troubled: Whether a property could not be told, for a reason other than that it has none.
    """

    href: str
    status: int
    found: Mapping[str, Any]
    troubled: bool


def resources(response: DAVResponse, base: str) -> list[Resource]:
    """
    The resources of a multistatus.

    Raises:
        Nonsense: It is none, or names what is no address.
    """
    tree = response.tree
    if tree is None or tree.tag != f"{DAV}multistatus":
        raise Nonsense("the calendar server did not answer with a list")
    return [_resource(element, base) for element in tree if element.tag == f"{DAV}response"]


def sync_token(response: DAVResponse) -> str | None:
    """The token that ends a sync-collection answer (RFC 6578, 6.2)."""
    tree = response.tree
    element = tree.find(f"{DAV}sync-token") if tree is not None else None
    return (element.text or "").strip() or None if element is not None else None


def has_error(response: DAVResponse, name: str) -> bool:
    """Whether the body names the precondition *name* (RFC 4918, 16)."""
    tree = response.tree
    return tree is not None and any(element.tag == name for element in tree.iter())


def text_of(resource: Resource, tag: str) -> str | None:
    """The text of a property; None where there is none."""
    element = resource.found.get(tag)
    return (element.text or "").strip() or None if element is not None else None


def etag_of(text: str | None) -> str | None:
    """An ETag as it can be sent back; None for what is none: nothing, blanks, `*` (which would match anything)."""
    etag = (text or "").strip()
    return etag if _ETAG.fullmatch(etag) and etag != "*" and len(etag) <= _LONGEST_ETAG else None


def href_in(resource: Resource, tag: str, base: str) -> str | None:
    """The URL in a property's `href`, absolute."""
    element = resource.found.get(tag)
    inner = element.find(f"{DAV}href") if element is not None else None
    return absolute(inner.text, base) if inner is not None and (inner.text or "").strip() else None


def absolute(href: str | None, base: str) -> str:
    """
    *href* on *base*, unchanged where it is absolute.

    Raises:
        Nonsense: It is not an address, or leads from https to http.
    """
    try:
        url = urljoin(base, (href or "").strip())
        parts = urlsplit(url)
        scheme, _ = parts.scheme, parts.port  # a port out of range raises
    except ValueError:
        raise Nonsense("the calendar server named an address that is none") from None
    if scheme not in {"http", "https"} or (urlsplit(base).scheme == "https" and scheme == "http"):
        raise Nonsense("the calendar server named an address that is not safe")
    return url


def names_in(resource: Resource, tag: str) -> set[str]:
    """Tags of all elements within a property."""
    element = resource.found.get(tag)
    return {str(inner.tag) for inner in element.iter()} if element is not None else set()


def _resource(element: Any, base: str) -> Resource:
    href = element.find(f"{DAV}href")
    if href is None or not (href.text or "").strip():
        raise Nonsense("the calendar server listed something without an address")
    status = element.find(f"{DAV}status")
    found: dict[str, Any] = {}
    troubled = False
    for code, properties in _propstats(element):
        if code == 200:
            found.update({str(each.tag): each for each in properties})
        elif code != 404:
            troubled = True
    return Resource(
        href=absolute(href.text, base),
        status=_code(status.text) if status is not None else 200,
        found=found,
        troubled=troubled,
    )


def _propstats(element: Any) -> Iterator[tuple[int, Any]]:
    for propstat in element.iterfind(f"{DAV}propstat"):
        status, properties = propstat.find(f"{DAV}status"), propstat.find(f"{DAV}prop")
        if properties is not None:
            yield (_code(status.text) if status is not None else 200), properties


def _code(status: str | None) -> int:
    """From `HTTP/1.1 404 Not Found`; what cannot be read is trouble, and never "not found"."""
    match = _STATUS_LINE.match(status or "")
    return int(match[1]) if match else 500
