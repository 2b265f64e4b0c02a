"""
Owns judging, from the settings alone, what is not ready for the public that could reach it.

Leaves asking real services to `doctor`. `up` and `web` say it at their start, `doctor` whenever asked.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from server.settings import Settings


class Advice(NamedTuple):
    """What was seen, and what to do about it."""

    what: str
    remedy: str


def exposure(settings: "Settings", *, base_url: str | None = None) -> Iterator[Advice]:
    """
    What is wrong for whoever reaches this from elsewhere; nothing where only this machine can.

    Args:
        base_url: Where it differs from the settings, as for `up --port`.
    """
    http = settings.http
    base = urlsplit(base_url or http.base_url)
    is_local = _is_loopback(http.host)
    if not is_local and _is_loopback(base.hostname or ""):
        yield Advice(
            f"listens on {http.host}, but links lead to {base.geturl()}",
            "Set BOOKABLE_HTTP_BASE_URL to what people type: links in mails lead nowhere for others.",
        )
    if base.scheme == "https" and not http.trusted_proxies:
        yield Advice(
            "links are https, but no proxy is trusted",
            "Set BOOKABLE_HTTP_TRUSTED_PROXIES to the address of the proxy that speaks TLS: without it all visitors "
            "share one rate limit.",
        )
    if not is_local and http.operator_token is None:
        yield Advice(
            "/metrics and the details of /readyz are open to whoever reaches this",
            "Set BOOKABLE_HTTP_OPERATOR_TOKEN (`openssl rand -hex 32`), or hide both paths in your proxy.",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
