"""
Owns finding a CalDAV server by a domain or a mail address, through DNS (RFC 6764, 5 and 6).

Leaves asking the server to `caldav_discovery`.
"""

from collections.abc import Awaitable, Callable

import dns.asyncresolver
import dns.exception
import dns.rdatatype

Records = Callable[[str, str], Awaitable[list[str]]]
"""From a name and a record type to the records as text; empty where there are none."""

_TIMEOUT_S = 3.0


async def server_of(typed: str, records: Records | None = None) -> str:
    """
    The URL to begin at, for a URL, a domain, or a mail address. Only TLS is looked for.

    `example.com` leads to what `_caldavs._tcp.example.com` says, or to `https://example.com/`.
    """
    if "://" in typed:
        return typed
    domain = typed.rpartition("@")[2].strip().rstrip(".").lower()
    ask = records or _ask
    services = sorted(_service(text) for text in await ask(f"_caldavs._tcp.{domain}", "SRV"))
    services = [each for each in services if each[2]]
    if not services:
        return f"https://{domain}/"
    _, port, host = services[0]
    paths = [text.strip('"') for text in await ask(f"_caldavs._tcp.{domain}", "TXT")]
    path = next((each.removeprefix("path=") for each in paths if each.startswith("path=/")), "/.well-known/caldav")
    return f"https://{host}{'' if port == 443 else f':{port}'}{path}"


def _service(text: str) -> tuple[int, int, str]:
    """Priority, port and host of an SRV record; no host where the record says that there is no service."""
    priority, _weight, port, host = text.split()
    return int(priority), int(port), host.rstrip(".")


async def _ask(name: str, kind: str) -> list[str]:
    try:
        answer = await dns.asyncresolver.resolve(name, dns.rdatatype.from_text(kind), lifetime=_TIMEOUT_S)
    except (dns.exception.DNSException, OSError):
        return []
    return [record.to_text() for record in answer]
