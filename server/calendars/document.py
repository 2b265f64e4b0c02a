"""
Owns what an appointment is as an iCalendar event.

Leaves RFC 5545 to `ics`.
"""

from dataclasses import replace
from zoneinfo import ZoneInfo

from ics.event import Attendee, Event, Organizer, ScheduleAgent
from ics.event import Status as EventStatus
from ics.itip.publish import build_publish
from ics.write.event import render_event
from server.domain.appointment import Appointment, Person, Place, Shown, title_of, where_of
from server.domain.lifecycle import ENDED, Status

PRODID = "-//Bookable//Bookable 0.1//EN"
_MOST_NAMES = 30

_STATUS = {
    Status.PENDING: EventStatus.TENTATIVE,
    Status.HELD: EventStatus.TENTATIVE,
    **dict.fromkeys(ENDED, EventStatus.CANCELLED),
}


def freebusy_uid(feed: str) -> str:
    """The UID of a feed's busy time as one document."""
    return f"{feed}-ifb"


def place_file(place: Place, *, manage_url: str) -> bytes:
    """A customer's appointment as a file for their calendar, in the location's zone."""
    return build_publish(event_of(place, manage_url), zone=ZoneInfo(place.appointment.timezone), prodid=PRODID)


def event_of(place: Place, manage_url: str | None) -> Event:
    """A customer's appointment; with the link that changes it, where only they get the document."""
    a = place.appointment
    what = f"{a.service_name} with {a.provider_name}."
    status = _STATUS.get(place.status, EventStatus.CONFIRMED)
    return Event(
        uid=str(a.uid),
        start=a.start,
        end=a.end,
        stamp=place.changed_at,
        created=place.created_at,
        summary=title_of(a.service_name, a.business_name),
        description=f"{what}\nChange or cancel: {manage_url}" if manage_url else what,
        location=where_of(a.location_name, place.address),
        url=manage_url,
        status=status,
        sequence=a.sequence,
        organizer=organizer_of(a.business, a.business_name, place.business_email),
        transparent=status is EventStatus.CANCELLED,
    )


def organizer_of(slug: str, name: str, email: str) -> Organizer:
    """
    The business, as ORGANIZER.

    RFC 5546 wants one; a business without an address gets one that nobody can have (RFC 2606).
    """
    return Organizer(email or f"{slug}@bookings.invalid", name)


def event_text(place: Place) -> str:
    """The VEVENT of a customer's own appointment in their feed. Feeds are passed on: nothing in it opens more."""
    return render_event(event_of(place, None), zone=None)


def full_text(shown: Shown) -> str:
    """The VEVENT of an appointment in a feed for whoever may see everything: who comes, and how to reach them."""
    return render_event(_feed_event(shown), zone=None)


def initials_text(shown: Shown) -> str:
    """The same with initials instead of names, and without what else is known of the customers."""
    event = _feed_event(shown)
    names = ", ".join(_initials(person.name) for person in shown.people[:_MOST_NAMES])
    return render_event(
        replace(event, summary=_summary(names, shown), description=shown.appointment.service_name), zone=None
    )


def calendar_event(shown: Shown, *, uid: str, names_people: bool) -> Event:
    """
    An appointment in the provider's own calendar.

    Unless the provider wants it, it names no ORGANIZER and no ATTENDEE: calendar servers mail invitations of their own
    to whoever is named, beside ours. Where it does, the server is told to leave that to us (RFC 6638, 7.1).
    """
    event = replace(_feed_event(shown), uid=uid, categories=())
    if not names_people:
        return replace(event, organizer=None)
    assert event.organizer is not None
    return replace(
        event,
        organizer=replace(event.organizer, schedule_agent=ScheduleAgent.CLIENT),
        attendees=tuple(
            Attendee(person.email, person.name, schedule_agent=ScheduleAgent.CLIENT)
            for person in shown.people[:_MOST_NAMES]
        ),
    )


def _feed_event(shown: Shown) -> Event:
    a = shown.appointment
    status = _STATUS.get(a.status, EventStatus.CONFIRMED)
    names = ", ".join(person.name for person in shown.people[:_MOST_NAMES])
    return Event(
        uid=str(a.uid),
        start=a.start,
        end=a.end,
        stamp=shown.changed_at,
        created=shown.created_at,
        summary=_summary(names, shown),
        description="\n\n".join([_places_taken(a), *(_about(person) for person in shown.people)]).strip(),
        location=where_of(a.location_name, shown.address),
        status=status,
        sequence=a.sequence,
        organizer=organizer_of(a.business, a.business_name, shown.business_email),
        categories=(a.service_name,),
        transparent=status is EventStatus.CANCELLED,
    )


def _summary(names: str, shown: Shown) -> str:
    a = shown.appointment
    if a.shared:
        return f"{a.service_name} ({a.seats_taken}/{a.capacity})"
    return f"{names}: {a.service_name}" if names else a.service_name


def _places_taken(appointment: Appointment) -> str:
    what = f"{appointment.service_name} with {appointment.provider_name}"
    return f"{what}, {appointment.seats_taken} of {appointment.capacity}" if appointment.shared else what


def _about(person: Person) -> str:
    answers = [f"{question}: {answer}" for question, answer in person.answers.items()]
    return "\n".join([person.name, *(part for part in (person.email, person.phone) if part), *answers])


def _initials(name: str) -> str:
    return "".join(f"{word[0].upper()}." for word in name.split()[:3])
