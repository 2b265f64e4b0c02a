"""
Owns the withdrawal of an invitation: METHOD:CANCEL (RFC 5546, 3.2.5).

Leaves the mail around it to `mail`, and raising SEQUENCE to whoever keeps the appointment.
"""

from dataclasses import replace
from zoneinfo import ZoneInfo

from ics.errors import Unsendable
from ics.event import Attendee, Event, Method, Status
from ics.itip.document import build_document, with_attendee


def build_cancel(event: Event, *, zone: ZoneInfo | None, prodid: str, attendee: Attendee | None = None) -> bytes:
    """
    The cancellation of *event* for one attendee, with the times and the summary that clients show.

    STATUS becomes CANCELLED and the time free whatever *event* says; no answer is asked for and no alarm is
    left.

    Args:
        zone: Zone in which the recipient reads the times; UTC when `None` or when it cannot express them.
        attendee: The recipient, when *event* has not exactly one attendee.

    Raises:
        Unsendable: SEQUENCE is still 0, so no client would take it for newer than the invitation; or
            *event* has no organizer or not exactly one recipient who is somebody else.
        Unwritable: *event* has a value that no document could carry.
    """
    if event.sequence < 1:
        raise Unsendable(Method.CANCEL, "SEQUENCE must be above that of the invitation")
    addressed = with_attendee(event, attendee, Method.CANCEL)
    withdrawn = replace(
        addressed,
        status=Status.CANCELLED,
        transparent=True,
        alarms=(),
        attendees=tuple(replace(each, rsvp=False) for each in addressed.attendees),
    )
    return build_document(withdrawn, method=Method.CANCEL, zone=zone, prodid=prodid)
