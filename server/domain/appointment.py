"""
Owns an order, a hold and an appointment as values.

Leaves the steps between an appointment's states to `lifecycle`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from server.domain.lifecycle import ENDED, Actor, Status
from server.domain.networks import Networks
from server.domain.proofs import ShownProof
from server.domain.terms import Terms


def title_of(service: str, business: str) -> str:
    """What an appointment is called for its customer: in their calendar, and where they pay."""
    return f"{service}, {business}"


def where_of(location: str, address: str) -> str:
    """Where it is, for somebody who has to get there."""
    return ", ".join(part for part in (location, address) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDetails:
    """What a customer says of themselves; *email* in lower case, *timezone* an IANA zone."""

    name: str
    email: str
    phone: str = ""
    timezone: str
    locale: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotChoice:
    """The time that somebody wants: *start* is aware UTC; no provider means whoever is free."""

    business: str
    service: str
    provider: str | None = None
    location: str | None = None
    start: datetime
    asked_from: Networks | None = None
    """Where a stranger asks from; None for whoever is known, and for ourselves: they are not counted."""
    proof: ShownProof | None = None
    """What a stranger shows of a proof of work; None for whoever is known, and for ourselves: they are not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A booking as it is asked for."""

    choice: SlotChoice
    customer: CustomerDetails
    answers: Mapping[str, str] = field(default_factory=dict)
    hold: str | None = None
    """Token of a hold on this time."""
    actor: Actor = Actor.CUSTOMER
    terms: Terms | None = None
    """What the customer was shown; None where nobody says."""
    override: str | None = None
    """Why staff breaks what is promised to customers: hours, notice, the grid, caps and limits; None if it does not."""
    paid: bool = False
    """What it costs has been paid, and *terms* are agreed."""
    salt: bytes | None = None
    """What its manage token will hang on, where that was decided before."""
    proved: bool = False
    """The customer reads the mailbox of their address: they followed a link that only it was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A time kept for a customer until *expires_at*."""

    token: str
    expires_at: datetime
    start: datetime
    end: datetime
    provider: str
    location: str
    terms: Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """An appointment as it stands; times aware UTC."""

    business_id: int
    id: int
    uid: UUID
    status: Status
    start: datetime
    end: datetime
    timezone: str
    """The location's zone, in which the time was agreed."""
    sequence: int
    version: int
    shared: bool
    """Several customers may be in it: it was made as a class."""
    capacity: int
    """Of its service now: more may be in it already."""
    seats_taken: int
    business: str
    business_name: str
    service: str
    service_name: str
    provider: str
    provider_name: str
    provider_id: int
    location: str
    location_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendee:
    """A customer in an appointment."""

    id: int
    name: str
    email: str
    phone: str
    timezone: str
    locale: str
    partstat: str
    answers: Mapping[str, str]
    token_salt: bytes
    token_hash: bytes
    cancelled_at: datetime | None
    fee_minor: int
    terms: Terms
    """What was promised to them: each in a class has their own."""
    network: str | None = None
    """Where a stranger booked from, while that is kept."""
    proved_at: datetime | None = None
    """When somebody showed that they read the mailbox of the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One attendee's place in an appointment: what a manage token opens."""

    appointment: Appointment
    attendee: Attendee
    business_email: str
    address: str
    """Of the location."""
    created_at: datetime
    changed_at: datetime
    reapproval: bool
    """The service asks for approval, and for that of moves."""

    @property
    def status(self) -> Status:
        """As its attendee sees it: they may have left what goes on, and what has ended ended in its own way."""
        ended = self.appointment.status in ENDED
        return Status.CANCELLED if self.attendee.cancelled_at and not ended else self.appointment.status


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer, as far as a provider has to reach them."""

    name: str
    email: str
    phone: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is in an appointment."""

    name: str
    email: str
    phone: str
    answers: Mapping[str, str]
    """By the words of the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An appointment with everything that its calendar text says."""

    appointment: Appointment
    business_email: str
    address: str
    created_at: datetime
    changed_at: datetime
    service_id: int
    location_id: int
    people: Sequence[Person]
    earlier: tuple[int, int] | None
    """Provider and location of the text that there is, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """A booking that is now true."""

    appointment: Appointment
    address: str
    """Of the location."""
    terms: Terms
    manage_token: str
