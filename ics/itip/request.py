"""
Owns the invitation: METHOD:REQUEST, for a new appointment, a new time or a new text (RFC 5546, 3.2.2).

Leaves the mail around it to `mail`, and when SEQUENCE rises to whoever keeps the appointment.
"""

from zoneinfo import ZoneInfo

from ics.errors import Unsendable
from ics.event import Attendee, Event, Method, Status
from ics.itip.document import build_document, with_attendee


def build_request(event: Event, *, zone: ZoneInfo | None, prodid: str, attendee: Attendee | None = None) -> bytes:
    """
    The invitation of one attendee to *event*.

    A new time is the same UID with a greater SEQUENCE and PARTSTAT back to NEEDS-ACTION; a new text keeps
    SEQUENCE and has a later stamp (RFC 5546, 2.1.4).

    Args:
        zone: Zone in which the recipient reads the times; UTC when `None` or when it cannot express them.
        attendee: The recipient, when *event* has not exactly one attendee.

    Raises:
        Unsendable: *event* is cancelled, or has no organizer or not exactly one recipient who is somebody
            else.
        Unwritable: *event* has a value that no document could carry.
    """
    if event.status is Status.CANCELLED:
        raise Unsendable(Method.REQUEST, "the event is cancelled")
    invited = with_attendee(event, attendee, Method.REQUEST)
    return build_document(invited, method=Method.REQUEST, zone=zone, prodid=prodid)
