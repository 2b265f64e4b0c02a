"""
Owns which time zone a foreign TZID names.

Leaves describing zones to `write/timezone`.
"""

from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from ics.errors import UnknownTimezone

_MOST_SEGMENTS = 3  # America/Argentina/Ushuaia

_UTC_NAMES = frozenset({"tzone://Microsoft/Utc", "Z"})


def zone_named(tzid: str) -> ZoneInfo:
    """
    The zone of *tzid*: an IANA name, also behind a vendor's prefix (`/example.org/Europe/Berlin`), or a Windows name.

    What the document itself says about the zone is not used: the library keeps such descriptions for the whole
    process, so that one sender could define a zone for all others.

    Raises:
        UnknownTimezone: It is none of them.
    """
    if tzid in _UTC_NAMES:
        return ZoneInfo("UTC")
    for name in (tzid, WINDOWS_TO_OLSON.get(tzid, ""), *_behind_prefix(tzid)):
        if name in _names():
            return ZoneInfo(name)
    raise UnknownTimezone(tzid)


def _behind_prefix(tzid: str) -> list[str]:
    if not tzid.startswith("/"):
        return []
    segments = tzid.split("/")
    return ["/".join(segments[-count:]) for count in range(_MOST_SEGMENTS, 0, -1)]


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(available_timezones())
