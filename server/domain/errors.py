"""
Owns every refusal of the booking rules, with the data that a caller needs to answer it.

Leaves the wording for HTTP to `web/problems`.

    BookingError
    ├── UnknownZone
    ├── NotFound
    ├── Gone                  it was here, and its address was taken back
    ├── NotOffered            the start is not one that availability offers
    ├── UnknownReference      a filter names a provider, service or place that the business does not have
    ├── PaymentNotSetUp       a service is to be paid online, and nothing can be
    ├── DetailsMissing        the service wants to know more, or something else, of the customer
    ├── PaymentRequired       the service is paid before it is booked
    ├── TermsChanged          what would bind is not what the customer was shown
    ├── NoLongerOffered       it was booked, and is not offered any more: it can be cancelled, but not moved
    ├── SlotTaken             it was, until somebody else took it
    ├── TimesFree             nobody needs to wait: a time that suits is free
    ├── DaysPassed            what is waited for lies in the past, where it would be
    ├── WrongDays             the last day asked about is before the first, or too far from it
    ├── PolicyClosed          the window for cancelling or moving has closed
    ├── IllegalTransition     the lifecycle has no such step
    ├── TooEarly              it can be said only once the appointment has begun
    ├── NothingToCharge       no fee was agreed on for a change at this time
    ├── LimitReached          the customer has as many appointments as the service allows
    ├── IdempotencyMismatch   same key, other request
    ├── InFlight              same key, still being answered
    ├── StaleVersion          If-Match names an older version
    ├── Conflict              a unique name is taken, or others still depend on the thing
    ├── NoPhone               a provider would be reminded by text message, and has no number
    ├── InsecureEndpoint      a webhook would be called without TLS
    ├── PaymentRefused        the payment service does not take this payment
    ├── NotChargeable         the payment service cannot charge this amount
    ├── CalendarRefused       a calendar server does not let us in, or is none
    ├── CatalogueChanged      what is offered was changed a moment ago; look again
    ├── TooManyRequests       the limit of an address or a key
    ├── ConfirmationNeeded    the business confirms addresses by mail first
    ├── AwaitingConfirmation  the hold waits for another address to be confirmed
    ├── QuotaReached          a stranger has as many times, bookings or places here as they may
    ├── Blocked               the business takes no online bookings from whoever asks
    └── Unavailable           a dependency did not answer in time
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from server.domain.terms import Terms


@dataclass(eq=False)
class BookingError(Exception):
    """Something was asked for that the rules refuse."""

    def __str__(self) -> str:
        return (self.__doc__ or type(self).__name__).strip().split("\n")[0]


@dataclass(eq=False)
class UnknownZone(BookingError):
    """This is not a time zone of the IANA database, such as Europe/Berlin."""

    name: str


@dataclass(eq=False)
class NotFound(BookingError):
    """There is nothing here, or it is not yours to see."""

    what: str

    def __str__(self) -> str:
        if self.what == "offer":
            return "Nobody offers this service in this way: not with this provider, at this location."
        return BookingError.__str__(self)


@dataclass(eq=False)
class Gone(BookingError):
    """This address was replaced or taken back. Ask whoever gave it to you for a new one."""


@dataclass(eq=False)
class NotOffered(BookingError):
    """This time is not offered."""

    reasons: Sequence[tuple[str, str]] = ()
    """`(rule, sentence)` of each rule that refuses it."""
    can_override: bool = False
    """Staff may book it all the same, with a reason."""


@dataclass(eq=False)
class UnknownReference(BookingError):
    """The request names something that this business does not have."""

    lacking: Mapping[str, str]
    """What was named, by the field that names it."""


@dataclass(eq=False)
class PaymentNotSetUp(BookingError):
    """This server has no payment service, so nothing can be paid online. Use on_site."""


@dataclass(eq=False)
class DetailsMissing(BookingError):
    """The service needs to know something else."""

    details: Sequence[tuple[str, str]]
    """JSON pointers into the booking, each with a sentence."""


@dataclass(eq=False)
class PaymentRequired(BookingError):
    """This is paid before it is booked: hold the time, then begin a payment."""


@dataclass(eq=False)
class TermsChanged(BookingError):
    """The price, the length or the conditions are not those that you were shown. Show the new ones, and ask again."""

    terms: Terms
    """What would bind now."""


_NO_LONGER = {
    "service": "This service is not offered any more",
    "provider": "This provider does not take appointments any more",
    "location": "No appointments are taken at this location any more",
    "offer": "This provider does not offer this service here",
}


@dataclass(eq=False)
class NoLongerOffered(BookingError):
    """It is not offered any more, so the appointment cannot be moved. It can be cancelled."""

    what: str
    """`service`, `provider`, `location`, or `offer`: all of them exist, but not together."""

    def __str__(self) -> str:
        if self.what == "offer":
            return f"{_NO_LONGER[self.what]}. Choose another provider, or cancel the appointment."
        return f"{_NO_LONGER[self.what]}, so the appointment cannot be moved. It can be cancelled."


@dataclass(eq=False)
class SlotTaken(BookingError):
    """Somebody else has just taken this time."""

    alternatives: Sequence[tuple[int, int, tuple[str, ...]]] = ()
    """Slots of the same service that are free now, nearest first: start and end in seconds, and who is free."""
    where: ZoneInfo | None = None
    """The location's zone, to write them in."""


@dataclass(eq=False)
class TimesFree(BookingError):
    """A time that suits is free now: book it instead of waiting."""

    alternatives: Sequence[tuple[int, int, tuple[str, ...]]]
    """The first of them: start and end in seconds, and who is free."""
    where: ZoneInfo
    """The location's zone, to write them in."""


@dataclass(eq=False)
class DaysPassed(BookingError):
    """These days have passed at the location."""


@dataclass(eq=False)
class WrongDays(BookingError):
    """The last day must not be before the first, nor too far from it."""

    most_days: int


@dataclass(eq=False)
class PolicyClosed(BookingError):
    """It is too late to change this appointment online."""

    closed_at: datetime
    fee_minor: int
    currency: str

    def __str__(self) -> str:
        if self.fee_minor:
            return "It is too late to cancel free of charge. Cancelling now costs the fee: accept_fee agrees to it."
        return BookingError.__str__(self)


@dataclass(eq=False)
class IllegalTransition(BookingError):
    """An appointment in this state cannot do that."""

    status: str
    wanted: str

    def __str__(self) -> str:
        return f"This is not possible any more, or not yet: the appointment is {self.status.replace('_', ' ')}."


@dataclass(eq=False)
class TooEarly(BookingError):
    """This can be said once the appointment has begun."""

    begins_at: datetime


@dataclass(eq=False)
class NothingToCharge(BookingError):
    """The customer agreed to no fee for cancelling now. Cancel it without charge_fee."""

    free_until: datetime | None
    """None: the terms have no fee, or those of several customers differ."""


@dataclass(eq=False)
class LimitReached(BookingError):
    """This customer already has as many upcoming appointments as this service allows."""

    limit: int


@dataclass(eq=False)
class IdempotencyMismatch(BookingError):
    """This Idempotency-Key was used with another request before."""


@dataclass(eq=False)
class InFlight(BookingError):
    """A request with this Idempotency-Key is still being answered."""


@dataclass(eq=False)
class StaleVersion(BookingError):
    """It was changed since you read it."""

    current: int


@dataclass(eq=False)
class Conflict(BookingError):
    """This does not fit with what is already there."""

    detail: str

    def __str__(self) -> str:
        return self.detail


@dataclass(eq=False)
class NoPhone(BookingError):
    """A provider without a phone number cannot be reminded by text message."""

    provider: str
    service: str
    pointer: str
    """JSON pointer into the edit that would promise it."""

    def __str__(self) -> str:
        return f"{self.provider} has no phone number, and {self.service} reminds its provider by text message."


@dataclass(eq=False)
class InsecureEndpoint(BookingError):
    """Use https://. Without TLS only addresses in BOOKABLE_WEBHOOK_ALLOWED_NETWORKS are called."""


@dataclass(eq=False)
class PaymentRefused(BookingError):
    """The payment service does not take this payment. The business has been told; ask it for another way to pay."""


@dataclass(eq=False)
class NotChargeable(BookingError):
    """The payment service cannot charge this price."""

    detail: str

    def __str__(self) -> str:
        return self.detail


@dataclass(eq=False)
class CalendarRefused(BookingError):
    """The calendar could not be connected."""

    detail: str

    def __str__(self) -> str:
        return self.detail


@dataclass(eq=False)
class Unavailable(BookingError):
    """A service that this depends on did not answer in time."""

    what: str
    retry_after_s: int = 1


@dataclass(eq=False)
class CatalogueChanged(BookingError):
    """What is offered was changed a moment ago."""


@dataclass(eq=False)
class TooManyRequests(BookingError):
    """Too many requests; wait a moment."""

    retry_after_s: int


@dataclass(eq=False)
class ConfirmationNeeded(BookingError):
    """This business confirms the address by mail before it books."""


@dataclass(eq=False)
class AwaitingConfirmation(BookingError):
    """This hold waits for another address. Open the link in its mail, or release the hold and hold the time again."""


@dataclass(eq=False)
class QuotaReached(BookingError):
    """This is as much as can be held or booked from here for now. Open the link in our mail, or try again later."""

    retry_after_s: int


@dataclass(eq=False)
class ProofRequired(BookingError):
    """This business asks for a proof of work. Solve the challenge, and send the request again with it."""

    reason: str
    challenge: Mapping[str, object] | None = None
    """What to solve; the edge adds it."""


@dataclass(eq=False)
class Blocked(BookingError):
    """This cannot be booked online. Please contact the business."""
