"""
Owns finding where an account keeps its calendars, from whatever its owner typed (RFC 6764, 5397, 4791).

Leaves SRV records to `service_lookup`: what comes here is a URL.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import urljoin

from ics.remote.errors import Forbidden, Missing, Nonsense, RemoteError
from ics.remote.multistatus import CALDAV, DAV, Resource, href_in, names_in

WHO = """<?xml version="1.0" encoding="utf-8"?>
<d:propfind xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><d:current-user-principal/><d:resourcetype/>
<c:calendar-home-set/></d:prop></d:propfind>"""

Look = Callable[[str], Awaitable[Resource]]
"""What a server says of a URL when it is asked `WHO`."""


async def find_home(look: Look, url: str) -> str:
    """
    Where the calendars of the account are: a collection to list, or the one calendar that *url* is.

    Raises:
        Forbidden: Nothing at this address is a calendar, or leads to one.
    """
    last: RemoteError | None = None
    for candidate in dict.fromkeys((url, urljoin(url, "/.well-known/caldav"), urljoin(url, "/"))):
        try:
            here = await look(candidate)
            if f"{CALDAV}calendar" in names_in(here, f"{DAV}resourcetype"):
                return here.href
            home = await _home_of(look, here)
        except (Missing, Forbidden, Nonsense) as error:
            last = last or error
            continue
        if home is not None:
            return home
    raise Forbidden(f"no calendars were found at this address{f': {last}' if last else ''}")


async def _home_of(look: Look, here: Resource) -> str | None:
    home = href_in(here, f"{CALDAV}calendar-home-set", here.href)
    principal = href_in(here, f"{DAV}current-user-principal", here.href)
    if home is None and principal is not None:
        described = await look(principal)
        home = href_in(described, f"{CALDAV}calendar-home-set", described.href)
    return home
