"""
Owns the documents that go with mails: the invitation to an appointment, its withdrawal, the no to another time.

Leaves RFC 5546 to `ics`, and feeds and files to `document`.
"""

from dataclasses import replace
from zoneinfo import ZoneInfo

from ics.event import Attendee, Event, Method, Organizer
from ics.itip.cancel import build_cancel
from ics.itip.counter import build_declinecounter
from ics.itip.request import build_request
from server.calendars.document import PRODID, event_of
from server.domain.appointment import Place
from server.domain.lifecycle import Status

_INVITES = frozenset({"confirmed", "approved", "rescheduled"})


def document_for(message: str, place: Place, *, organizer: str, manage_url: str) -> tuple[Method, bytes] | None:
    """
    What a mail to the customer carries besides its words; None for messages that change nothing in a calendar.

    Args:
        message: One of `domain/telling`.
        organizer: The address that the mail comes from: a client trusts an invitation only from its organizer.
    """
    event = _addressed(place, organizer, manage_url)
    zone = ZoneInfo(place.appointment.timezone)
    if message in _INVITES and place.appointment.status is Status.CONFIRMED:
        return Method.REQUEST, build_request(event, zone=zone, prodid=PRODID)
    # Whoever was invited sees a tentative event at the time they ask for, and not the old one any more.
    if message == "requested" and place.appointment.sequence > 0:
        return Method.REQUEST, build_request(event, zone=zone, prodid=PRODID)
    # Whoever asked for another time has an invitation to the one before; a request alone was none.
    was_invited = message in {"declined", "expired"} and place.appointment.sequence > 1
    if message == "cancelled" or was_invited:
        # Who leaves a class that goes on must still see a number above that of the invitation.
        withdrawn = replace(event, sequence=max(event.sequence, 1) + _goes_on(place))
        return Method.CANCEL, build_cancel(withdrawn, zone=zone, prodid=PRODID)
    if message == "counter_declined":
        return Method.DECLINECOUNTER, build_declinecounter(event, zone=zone, prodid=PRODID)
    return None


def _goes_on(place: Place) -> int:
    return int(place.appointment.status is Status.CONFIRMED)


def _addressed(place: Place, organizer: str, manage_url: str) -> Event:
    customer = place.attendee
    return replace(
        event_of(place, manage_url),
        organizer=Organizer(organizer, place.appointment.business_name),
        attendees=(Attendee(customer.email, customer.name),),
    )
