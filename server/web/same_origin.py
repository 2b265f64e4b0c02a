"""
Owns refusing forms of our pages that another site sends in a visitor's name.

Leaves what the form does to its page. A cookie's SameSite does not suffice: a sibling host is the same site.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from server.domain.errors import BookingError
from server.web.keys import SETTINGS

_FETCH_SITE = "Sec-Fetch-Site"


@dataclass(eq=False)
class CrossSite(BookingError):
    """Another site sent this form. Open our page and send it from there."""


def refuse_other_sites(request: web.Request) -> None:
    """
    Whether a page of ours sent this form, as far as the browser says; what is no browser says nothing, and may.

    Sec-Fetch-Site where there is one (W3C Fetch Metadata; over https and on this machine there is), else Origin.

    Raises:
        CrossSite: It was sent by a page of another origin, a sibling host included.
    """
    site = request.headers.get(_FETCH_SITE)
    origin = request.headers.get(hdrs.ORIGIN)
    if site == "same-origin":
        return
    if site is not None or (origin is not None and not _is_ours(request, origin)):
        raise CrossSite


def _is_ours(request: web.Request, origin: str) -> bool:
    """Whether *origin* is where people find us, or the host that this request was sent to: no page chooses that."""
    base = urlsplit(request.app[SETTINGS].http.base_url)
    if origin == f"{base.scheme}://{base.netloc}":
        return True
    return origin.partition("://")[2] == request.headers.get(hdrs.HOST, "")
