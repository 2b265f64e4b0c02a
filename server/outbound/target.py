"""
Owns which URLs may be called: their scheme, their host as it is written, their port.

Leaves IP addresses to `address`, and the addresses of names to `lookup`, which asks `check_addresses` here.
"""

import logging
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, ip_network
from urllib.parse import urlsplit

from yarl import URL

from server.outbound.address import all_within, why_refused
from server.outbound.errors import Refused
from server.settings import IPNetwork, is_address

log = logging.getLogger(__name__)

ANYWHERE: tuple[IPNetwork, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))
"""Allowed networks for addresses that the operator wrote into the settings: they may lie beside us."""

LONGEST_URL = 2_000

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029]")
"""Blanks, control characters and backslashes: where parsers of URLs disagree with each other."""

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_ENDS_IN_A_NUMBER = re.compile(r"(^|\.)([0-9]+|0x[0-9a-f]*)$")
"""What a C library may read as an IPv4 address: `127.1`, `2130706433`, `0x7f.1`, `0177.0.0.1` (WHATWG URL, 3.5)."""


def read_target(text: str, *, allowed: tuple[IPNetwork, ...], base: URL | None = None) -> URL:
    """
    The URL in *text*, which may be relative to *base* (a redirect), as it will be called.

    http and https, without credentials; port 80, 443, or 1024 and above, unless its address is in *allowed*. The host
    is a name, or an address in its one canonical form; names are looked up, and their addresses checked, on connecting.

    Raises:
        Refused: It may not be called.
    """
    try:
        if len(text) > LONGEST_URL or _FORBIDDEN.search(text):
            raise ValueError("forbidden characters")
        url = URL(text) if base is None else base.join(URL(text))
        host, port = url.raw_host or "", url.port or 0
        plain = urlsplit(text).netloc.isascii()
    except (ValueError, UnicodeError) as error:
        raise _refusal("(unreadable)", str(error)) from None
    if reason := _why_refused(url, host, port, allowed=allowed, plain=plain):
        raise _refusal(host, reason)
    return _as_written(url, text) if base is None else url.with_fragment(None)


def _as_written(url: URL, text: str) -> URL:
    """*url* with path and query as they are in *text*: to its server `%40` may not be what `@` is."""
    parts = urlsplit(text)
    if not text.isascii():
        return url.with_fragment(None)
    return URL.build(
        scheme=url.scheme, authority=url.raw_authority, path=parts.path or "/", query_string=parts.query, encoded=True
    )


def check_addresses(addresses: Sequence[str], port: int, *, allowed: tuple[IPNetwork, ...]) -> str | None:
    """Why a host with these *addresses* must not be called on *port*, for the log; None if it may be."""
    for address in addresses:
        if reason := why_refused(address, allowed=allowed):
            return f"{address} is {reason}"
    return None if _is_usual(port) or all_within(addresses, allowed) else f"port {port}"


def _why_refused(url: URL, host: str, port: int, *, allowed: tuple[IPNetwork, ...], plain: bool) -> str | None:
    if url.scheme not in {"http", "https"}:
        return "scheme"
    if url.user is not None or url.password is not None:
        return "credentials in the URL"
    if not _ENDS_IN_A_NUMBER.search(host) and ":" not in host:
        return None if len(host) <= 253 and _NAME.fullmatch(host) else "not a host name"
    if not _is_canonical(host) or not plain:
        return "an address in disguise"
    return check_addresses([host], port, allowed=allowed)


def _is_canonical(host: str) -> bool:
    return is_address(host) and "%" not in host and (":" in host or str(IPv4Address(host)) == host)


def _is_usual(port: int) -> bool:
    return port in {80, 443} or port >= 1024


def _refusal(host: str, reason: str) -> Refused:
    log.warning("refused to call %s: %s", host[:100].encode("unicode_escape").decode(), reason)
    return Refused()
