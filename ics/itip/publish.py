"""
Owns the document that only informs: METHOD:PUBLISH of one appointment, as behind "Add to calendar" (RFC
5546, 3.2.1).

Leaves feeds of many appointments to `write/feed`.
"""

from dataclasses import replace
from zoneinfo import ZoneInfo

from ics.event import Event, Method
from ics.itip.document import build_document, require_organizer


def build_publish(event: Event, *, zone: ZoneInfo | None, prodid: str) -> bytes:
    """
    The document of *event* without its attendees, whom RFC 5546, 3.2.1 forbids here.

    Args:
        zone: Zone in which the reader sees the times; UTC when `None` or when it cannot express them.

    Raises:
        Unsendable: *event* has no organizer.
        Unwritable: *event* has a value that no document could carry.
    """
    require_organizer(event, Method.PUBLISH)
    return build_document(replace(event, attendees=()), method=Method.PUBLISH, zone=zone, prodid=prodid)
