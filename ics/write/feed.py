"""
Owns the frame of a feed: what stands before and after its events, so that ten thousand of them can be streamed.

Leaves the events, which are text already, to the caller.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ics.event import Method
from ics.write.calendar import END, open_calendar
from ics.write.timezone import UTC_TIMEZONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A calendar to subscribe to (RFC 7986, 5); *colour* is a CSS3 name, *changed* aware."""

    uid: str
    name: str
    description: str | None = None
    colour: str | None = None
    refresh: timedelta = timedelta(minutes=15)
    url: str | None = None
    zone_name: str | None = None
    changed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the events; *filler* takes their place where there are none (RFC 5545, 3.6)."""

    head: bytes
    filler: bytes
    tail: bytes


def frame(feed: Feed, *, prodid: str) -> Frame:
    """
    The frame of *feed*, with METHOD:PUBLISH. Its events must be in UTC: it carries no time zones.

    Raises:
        Unwritable: A property has no valid value.
        NaiveMoment: *changed* has no zone.
    """
    head = open_calendar(
        method=Method.PUBLISH,
        prodid=prodid,
        uid=feed.uid,
        name=feed.name,
        description=feed.description,
        colour=feed.colour,
        refresh=feed.refresh,
        url=feed.url,
        zone_name=feed.zone_name,
        changed=feed.changed,
    )
    return Frame(head, UTC_TIMEZONE.encode(), END)
