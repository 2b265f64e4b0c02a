"""
Owns the shapes of holds and appointments.

Leaves what happens to them to the use-cases.
"""

import contextlib
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

import phonenumbers
from babel.core import get_global
from pydantic import Field, StringConstraints, model_validator

from server.domain.appointment import (
    Appointment,
    Booked,
    CustomerDetails,
    Held,
    Order,
    Place,
    SlotChoice,
    title_of,
    where_of,
)
from server.domain.confirmations import Confirmation
from server.domain.lifecycle import Actor, Status
from server.domain.networks import Networks
from server.domain.policies import Unmovable
from server.domain.proofs import ShownProof
from server.usecases.cancel import Cancelled
from server.web.shapes.base import Email, Instant, Line, Locale, Name, Phone, Priced, Prose, Shape, Slug, Written, Zone
from server.web.shapes.terms import ShownTerms, TermsShape, terms_shown

Token = Annotated[str, Written(r"^[A-Za-z0-9_-]{16,64}$", "must be a token as it was answered")]
Answers = Annotated[dict[Annotated[str, StringConstraints(max_length=63)], Prose], Field(max_length=30)]


class HoldOrder(Shape):
    """A time to keep for a few minutes."""

    service: Slug
    provider: Slug | None = None
    location: Slug | None = None
    start: Instant
    terms: ShownTerms | None = None
    """As they were shown: where others would bind, nothing happens, and the answer has those."""

    def choice(self, business: str, asked_from: Networks | None, proof: ShownProof | None) -> SlotChoice:
        """As the use-cases see it."""
        return SlotChoice(
            business=business,
            service=self.service,
            provider=self.provider,
            location=self.location,
            start=self.start,
            asked_from=asked_from,
            proof=proof,
        )


class HoldAnswer(Shape):
    """A time that is kept."""

    hold: Token
    expires_at: datetime
    start: datetime
    end: datetime
    provider: Slug
    location: Slug
    terms: TermsShape

    @classmethod
    def of(cls, held: Held) -> "HoldAnswer":
        """From the value."""
        return cls(
            hold=held.token,
            expires_at=held.expires_at,
            start=held.start,
            end=held.end,
            provider=held.provider,
            location=held.location,
            terms=TermsShape.of(held.terms),
        )


class CustomerShape(Shape):
    """Who books."""

    name: Name
    email: Email
    phone: Phone | None = None
    timezone: Zone
    locale: Locale = "en"

    @model_validator(mode="before")
    @classmethod
    def _with_country(cls, values: Any) -> Any:
        """A number without its country is meant as the customer's zone says: `030 123` in Europe/Berlin is +49."""
        phone = values.get("phone") if isinstance(values, dict) else None
        if not isinstance(phone, str) or phone.lstrip().startswith("+"):
            return values
        region = get_global("zone_territories").get(str(values.get("timezone")))
        with contextlib.suppress(phonenumbers.NumberParseException):
            number = phonenumbers.parse(phone, region)
            return {**values, "phone": phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)}
        return values


class OverrideOrder(Shape):
    """Staff breaks what is promised to customers: hours, notice, horizon, steps, caps, limits."""

    reason: Name
    """For the log. Customers do not see it."""


class AppointmentOrder(HoldOrder):
    """A booking."""

    customer: CustomerShape
    answers: Answers = Field(default_factory=dict)
    hold: Token | None = None
    override: OverrideOrder | None = None
    """With an API key that may book. The start may then be up to a day ago."""

    def order(self, business: str, actor: Actor, asked_from: Networks | None, proof: ShownProof | None) -> Order:
        """As the use-cases see it."""
        customer = self.customer
        return Order(
            choice=self.choice(business, asked_from, proof),
            customer=CustomerDetails(
                name=customer.name,
                email=customer.email,
                phone=customer.phone or "",
                timezone=customer.timezone,
                locale=customer.locale,
            ),
            answers=self.answers,
            hold=self.hold,
            terms=terms_shown(self.terms),
            actor=actor,
            override=self.override.reason if self.override else None,
        )


class AppointmentAnswer(Shape):
    """
    A booking that is true, with the links that its customer needs.

    Where the business confirms addresses, a time that is `held` until `confirm_by`: whoever follows the link in the
    mail books it, and gets the links.
    """

    id: str
    status: Status
    start: datetime
    end: datetime
    timezone: Zone
    provider: Slug
    service: Slug
    location: Slug
    sequence: int
    terms: TermsShape
    manage_token: Token | None
    manage_url: str | None
    ics_url: str | None
    add_to_calendar: dict[str, str] | None
    """Links that put it into a calendar, by the name of the calendar; null until it is confirmed."""
    confirm_by: datetime | None
    """Until when the link in the mail has to be followed; null where it is booked."""

    @classmethod
    def of(cls, booked: Booked, base_url: str) -> "AppointmentAnswer":
        """From the value; links are built from the configured address only."""
        a = booked.appointment
        return cls.model_construct(  # our own values need no second look
            id=str(a.uid),
            status=a.status,
            start=a.start,
            end=a.end,
            timezone=a.timezone,
            provider=a.provider,
            service=a.service,
            location=a.location,
            sequence=a.sequence,
            terms=TermsShape.of(booked.terms),
            manage_token=booked.manage_token,
            manage_url=f"{base_url}/manage/{booked.manage_token}",
            ics_url=invitation_at(base_url, booked.manage_token),
            add_to_calendar=calendar_links(a, booked.address, invitation_at(base_url, booked.manage_token))
            if a.status is Status.CONFIRMED
            else None,
            confirm_by=None,
        )

    @classmethod
    def held(cls, asked: Confirmation) -> "AppointmentAnswer":
        """What waits for its address: nothing in it opens anything."""
        return cls.model_construct(
            id=str(asked.uid),
            status=Status.HELD,
            start=asked.start,
            end=asked.end,
            timezone=asked.location_zone,
            provider=asked.provider,
            service=asked.service,
            location=asked.location,
            sequence=0,
            terms=TermsShape.of(asked.terms),
            manage_token=None,
            manage_url=None,
            ics_url=None,
            add_to_calendar=None,
            confirm_by=asked.expires_at,
        )


def invitation_at(base_url: str, manage_token: str) -> str:
    """The address of an appointment's calendar file."""
    return f"{base_url}/v1/appointments/{manage_token}/invite.ics"


def calendar_links(appointment: Appointment, address: str, file: str) -> dict[str, str]:
    """Links that put *appointment* into a calendar, by the name of the calendar; *file* is its own calendar file."""
    title = title_of(appointment.service_name, appointment.business_name)
    where = where_of(appointment.location_name, address)
    start, end = (f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}" for moment in (appointment.start, appointment.end))
    google = {"action": "TEMPLATE", "text": title, "dates": f"{start}/{end}", "location": where}
    outlook = {
        "subject": title,
        "startdt": appointment.start.isoformat(),
        "enddt": appointment.end.isoformat(),
        "location": where,
    }
    return {
        "Apple": "webcal://" + file.partition("://")[2],
        "Google": f"https://calendar.google.com/calendar/render?{urlencode(google)}",
        "Outlook": f"https://outlook.live.com/calendar/0/action/compose?{urlencode(outlook)}",
        ".ics": file,
    }


class PolicyShape(Priced):
    """Until when it can be changed, and what it costs afterwards."""

    free_until: datetime
    can_cancel: bool
    can_reschedule: bool
    unmovable: Unmovable | None
    """Why it cannot be moved: it is over, it is too late, or it is not offered any more."""
    asks_again: bool
    """Moving it has to be approved: an approval, or a request, is for one time."""
    late_fee_minor: int


class Named(Shape):
    """A thing, by its slug and its name."""

    slug: Slug
    name: str


class PlaceAnswer(Shape):
    """An appointment as its customer sees it."""

    id: str
    status: Status
    start: datetime
    end: datetime
    timezone: Zone
    sequence: int
    business: Named
    service: Named
    provider: Named
    location: Named
    terms: TermsShape
    customer: CustomerShape
    answers: Answers
    fee_minor: int
    policy: PolicyShape


class CancelOrder(Shape):
    """Cancelling; `accept_fee` says yes to the fee that a late cancellation costs."""

    reason: Line = ""
    accept_fee: bool = False


class RescheduleOrder(Shape):
    """Moving to another time."""

    start: Instant
    provider: Slug | None = None
    """Omitted: the same provider."""


class OwnMoveOrder(RescheduleOrder):
    """Moving one's own appointment."""

    terms: ShownTerms | None = None
    """Those of another provider, agreed to: with the same one, what was agreed on stays."""


class StaffRescheduleOrder(RescheduleOrder):
    """Moving by staff."""

    override: OverrideOrder | None = None
    """The new start may then be up to a day ago."""


class MoveAnswer(Shape):
    """An appointment after a step."""

    id: str
    status: Status
    start: datetime
    end: datetime
    timezone: Zone
    provider: Slug
    service: Slug
    location: Slug
    sequence: int

    @classmethod
    def of(cls, appointment: Appointment) -> "MoveAnswer":
        """From the value."""
        a = appointment
        return cls(
            id=str(a.uid),
            status=a.status,
            start=a.start,
            end=a.end,
            timezone=a.timezone,
            provider=a.provider,
            service=a.service,
            location=a.location,
            sequence=a.sequence,
        )


class Money(Priced):
    """An amount in the currency's minor unit."""

    amount_minor: int


class CancelAnswer(Shape):
    """What was cancelled, and what it costs."""

    id: str
    status: Status
    """Of the appointment: a class goes on when one customer leaves."""
    fee: Money | None

    @classmethod
    def of(cls, done: Cancelled) -> "CancelAnswer":
        """From the value."""
        a = done.appointment
        fee = Money(amount_minor=done.fee_minor, currency=done.currency) if done.fee_minor and done.currency else None
        return cls(id=str(a.uid), status=a.status, fee=fee)


class DecisionOrder(Shape):
    """Staff decides about an appointment."""

    reason: Line = ""


class StaffCancelOrder(DecisionOrder):
    """Staff cancels."""

    charge_fee: bool = False
    """Take the fee for a late cancellation that the customer agreed to. Without it, all of the money goes back."""


def place_answer(place: Place, policy: PolicyShape) -> PlaceAnswer:
    """A place, for the customer who has it."""
    a, t = place.appointment, place.attendee
    return PlaceAnswer(
        id=str(a.uid),
        status=place.status,
        start=a.start,
        end=a.end,
        timezone=a.timezone,
        sequence=a.sequence,
        business=Named(slug=a.business, name=a.business_name),
        service=Named(slug=a.service, name=a.service_name),
        provider=Named(slug=a.provider, name=a.provider_name),
        location=Named(slug=a.location, name=a.location_name),
        terms=TermsShape.of(t.terms),
        customer=CustomerShape.model_construct(
            name=t.name, email=t.email, phone=t.phone or None, timezone=t.timezone, locale=t.locale
        ),
        answers=dict(t.answers),
        fee_minor=t.fee_minor,
        policy=policy,
    )
