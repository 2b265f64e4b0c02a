"""
Owns what is said: for each message and reader a subject, a headline, a sentence and the facts below it.

Leaves languages, dates and money to `voice`, and how it looks to the templates.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from server.channels.accent import accent_of
from server.channels.foreign_text import narrowed, shortened, unlinked
from server.domain.appointment import Contact, where_of
from server.domain.channels import Recipient
from server.domain.sms_segments import segments
from server.domain.terms import Terms
from server.voice import Voice
from server.voice_terms import say_terms

SMS_SEGMENTS = 3
"""Each is paid for."""
_NAME_CHARACTERS, _SMS_NAME_CHARACTERS = 80, 40
"""So much of a name stands in a subject or text message: behind it comes the time, which must not be cut off."""

_TEMPLATES = Environment(
    loader=PackageLoader("server", "templates/mail"),
    autoescape=select_autoescape(("html",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class MessageKind(StrEnum):
    """What is said."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    APPROVED = "approved"
    DECLINED = "declined"
    EXPIRED = "expired"
    RESCHEDULED = "rescheduled"
    CANCELLED = "cancelled"
    REMINDER = "reminder"
    CONFIRM_ADDRESS = "confirm_address"
    WAITLIST_OFFER = "waitlist_offer"
    COUNTER_DECLINED = "counter_declined"
    PAYMENT_RETURNED = "payment_returned"
    CALENDAR_PUT_BACK = "calendar_put_back"
    CALENDAR_CONFLICT = "calendar_conflict"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFacts:
    """Everything that a message may mention; moments aware UTC, money in the currency's smallest unit."""

    business_name: str
    business_email: str = ""
    business_phone: str = ""
    business_url: str = ""
    service: str
    provider: str
    location: str
    address: str = ""
    online: bool = False
    """Nobody has to be there: the reader's own clocks come first."""
    customer_name: str
    customer_email: str = ""
    customer_phone: str = ""
    """Where the provider reaches the customer."""
    others: Sequence[Contact] = ()
    """The other customers of a class that a message to its provider is about."""
    start: datetime
    end: datetime
    previous_start: datetime | None = None
    changes_provider: bool = False
    """Another provider had it before."""
    location_zone: str
    price_minor: int = 0
    currency: str = "EUR"
    fee_minor: int = 0
    refund_minor: int = 0
    """What goes back of what was paid for the appointment."""
    terms: Terms | None = None
    """What was promised to the customer."""
    now: datetime | None = None
    """When it is said; what changing costs depends on it."""
    manage_url: str = ""
    """Where the customer changes the appointment, or takes the offered time; where the provider answers a request."""
    book_url: str = ""
    reason: str = ""
    expires_at: datetime | None = None
    unsubscribe_url: str | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    """What the customer answered, by the words of the question: for the provider."""
    accent: str = ""
    """`#rrggbb`, from the business's theme."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail's subject and its two bodies."""

    subject: str
    text: str
    html: str


class _Words(NamedTuple):
    subject: str
    headline: str
    sentence: str = ""
    button: str = ""


_MANAGE, _AGAIN = "Change or cancel", "Book another time"
_REASONS = {MessageKind.APPROVED: "Message"}
"""What is above the words of whoever took the step; "Reason" where nothing else is said."""
_WITH_TERMS = frozenset(
    {
        MessageKind.REQUESTED,
        MessageKind.CONFIRMED,
        MessageKind.APPROVED,
        MessageKind.RESCHEDULED,
        MessageKind.REMINDER,
        MessageKind.CONFIRM_ADDRESS,
        MessageKind.WAITLIST_OFFER,
    }
)
"""Messages about an appointment that its customer can still change, or is about to agree to."""
_TO_CUSTOMER: Mapping[MessageKind, _Words] = {
    MessageKind.REQUESTED: _Words(
        "Requested: {service}, {when}",
        "We have your request",
        "{business} will answer soon. Until then the time is kept for you.",
        _MANAGE,
    ),
    MessageKind.CONFIRMED: _Words(
        "Confirmed: {service}, {when}", "Your appointment is confirmed", "We look forward to seeing you.", _MANAGE
    ),
    MessageKind.APPROVED: _Words(
        "Confirmed: {service}, {when}",
        "Your appointment is confirmed",
        "{business} has confirmed your request.",
        _MANAGE,
    ),
    MessageKind.DECLINED: _Words(
        "Not possible: {service}, {when}",
        "Your request could not be confirmed",
        "Please choose another time.",
        _AGAIN,
    ),
    MessageKind.EXPIRED: _Words(
        "Not confirmed: {service}, {when}",
        "Your request was not answered in time",
        "{business} did not answer before the time you asked for. Please choose another time.",
        _AGAIN,
    ),
    MessageKind.RESCHEDULED: _Words(
        "New time: {service}, {when}",
        "Your appointment has a new time",
        "The invitation in this mail replaces the earlier one.",
        _MANAGE,
    ),
    MessageKind.CANCELLED: _Words(
        "Cancelled: {service}, {when}",
        "Your appointment is cancelled",
        "This mail also removes it from your calendar.",
        _AGAIN,
    ),
    MessageKind.REMINDER: _Words(
        "Reminder: {service}, {when}",
        "Your appointment is coming up",
        "If you cannot come, please tell us in time.",
        _MANAGE,
    ),
    MessageKind.CONFIRM_ADDRESS: _Words(
        "Please confirm: {service}, {when}",
        "Confirm your appointment",
        "The time is kept for you until {expires}. It is yours once you confirm it.",
        "Confirm appointment",
    ),
    MessageKind.WAITLIST_OFFER: _Words(
        "A time is free: {service}, {when}",
        "A time has become free for you",
        "It is kept for you until {expires}.",
        "Take this time",
    ),
    MessageKind.COUNTER_DECLINED: _Words(
        "The time stays: {service}, {when}",
        "The time you proposed is not possible",
        "Your appointment stays as it is.",
        _MANAGE,
    ),
    MessageKind.PAYMENT_RETURNED: _Words(
        "Your money comes back: {service}, {when}",
        "Your payment is on its way back",
        "The time was gone before your payment arrived, so you get all of it back.",
        _AGAIN,
    ),
}
_MOVED_REQUEST = _Words(
    "Requested: {service}, {when}",
    "We have your request for the new time",
    "{business} will answer soon. Until then the time is kept for you.",
    _MANAGE,
)
_OTHER_PROVIDER = _Words(
    "Now with {provider}: {service}, {when}",
    "Your appointment is now with {provider}",
    "The invitation in this mail replaces the earlier one.",
    _MANAGE,
)
_LOST = _Words("Cancelled: {customer}, {when}", "An appointment was cancelled", "It is now with {provider}.")
_TO_PROVIDER: Mapping[MessageKind, _Words] = {
    MessageKind.REQUESTED: _Words(
        "New request: {customer}, {when}", "A request is waiting for your answer", button="Answer the request"
    ),
    MessageKind.CONFIRMED: _Words("New booking: {customer}, {when}", "A new booking"),
    MessageKind.APPROVED: _Words("Approved: {customer}, {when}", "A request was approved"),
    MessageKind.DECLINED: _Words("Declined: {customer}, {when}", "A request was declined"),
    MessageKind.EXPIRED: _Words(
        "Not answered: {customer}, {when}",
        "A request was not answered in time",
        "Its time has come, so your customer was told that it was not confirmed.",
    ),
    MessageKind.RESCHEDULED: _Words("Moved: {customer}, {when}", "An appointment has moved"),
    MessageKind.CANCELLED: _Words("Cancelled: {customer}, {when}", "An appointment was cancelled"),
    MessageKind.REMINDER: _Words("Reminder: {customer}, {when}", "Your next appointment"),
    MessageKind.WAITLIST_OFFER: _Words("Offered: {customer}, {when}", "A free time was offered to the waitlist"),
    MessageKind.COUNTER_DECLINED: _Words("The time stays: {customer}, {when}", "A proposed time was not possible"),
    MessageKind.PAYMENT_RETURNED: _Words("Money returned: {customer}, {when}", "A payment was returned"),
    MessageKind.CALENDAR_PUT_BACK: _Words(
        "Put back: {customer}, {when}",
        "We have put an appointment back into your calendar",
        "It stays as it was, and your customer was not told anything.",
    ),
    MessageKind.CALENDAR_CONFLICT: _Words(
        "Overlap: {customer}, {when}",
        "An event in your calendar lies over an appointment",
        "Both stay until you move or cancel one of them.",
    ),
}


def render_letter(
    kind: MessageKind, recipient: Recipient, facts: MessageFacts, *, locale: str, zone: ZoneInfo
) -> Letter:
    """
    The mail about *facts*.

    Args:
        locale: BCP 47 or POSIX (`de-AT`, `pt_BR`); what we do not know is English.
        zone: Of the reader. Times are in the location's, where people have to be, and in the reader's beside it where
            the clocks differ; of what is online it is the other way round.
    """
    voice, beside = _clocks(facts, locale, zone)
    words = _words(kind, recipient, facts)
    places = _places(facts, voice, beside, most=_NAME_CHARACTERS)
    accent = accent_of(facts.accent)
    values = {
        "language": voice.language,
        "direction": voice.direction,
        "subject": voice.say(words.subject, **places),
        "headline": voice.say(words.headline, **places),
        "sentence": voice.say(words.sentence, **places) if words.sentence else "",
        "rows": list(_rows(kind, recipient, facts, voice, beside)),
        "button": voice.say(words.button) if words.button else "",
        "link": _link(words, facts),
        "business": unlinked(facts.business_name),
        "contact": [part for part in (facts.business_phone, facts.business_email, facts.business_url) if part],
        "why": voice.say("You get this mail because of an appointment with {business}.", **places),
        "stop": voice.say("No more reminders"),
        "stop_link": facts.unsubscribe_url or "",
        "accent": accent.ground,
        "on_accent": accent.ink,
    }
    return Letter(
        subject=str(values["subject"]),
        text=_TEMPLATES.get_template("letter.txt").render(**values),
        html=_TEMPLATES.get_template("letter.html").render(**values),
    )


_CALENDAR_ASKS = {
    True: "Please sign in there again.",
    False: "Please look at it, and say whether to go on.",
}


def render_notice(
    business_name: str, accent: str, *, calendar: str, detail: str, must_sign_in: bool, locale: str
) -> Letter:
    """
    The mail that tells a provider that one of their connected calendars waits for them.

    Args:
        calendar: What the connection is called.
        detail: What is wrong, in a plain sentence.
    """
    voice = Voice(locale, ZoneInfo("Etc/UTC"))
    subject = voice.say("Your calendar needs you: {calendar}", calendar=unlinked(shortened(calendar, _NAME_CHARACTERS)))
    look = accent_of(accent)
    until = voice.say("Until then, what was known of it counts for a while; after that your times are closed.")
    values = {
        "language": voice.language,
        "direction": voice.direction,
        "subject": subject,
        "headline": voice.say("Your calendar is not synced any more"),
        "sentence": f"{voice.say(_CALENDAR_ASKS[must_sign_in])} {until}",
        "rows": [(voice.say("Calendar"), unlinked(calendar)), (voice.say("Reason"), unlinked(detail))],
        "button": "",
        "link": "",
        "business": unlinked(business_name),
        "contact": [],
        "why": voice.say(
            "You get this mail because your calendar is connected with {business}.", business=unlinked(business_name)
        ),
        "stop": "",
        "stop_link": "",
        "accent": look.ground,
        "on_accent": look.ink,
    }
    return Letter(
        subject=subject,
        text=_TEMPLATES.get_template("letter.txt").render(**values),
        html=_TEMPLATES.get_template("letter.html").render(**values),
    )


def render_feed_address(business_name: str, accent: str, *, address: str, locale: str) -> Letter:
    """The mail that gives customers the address of the feed of all their appointments with a business."""
    voice = Voice(locale, ZoneInfo("Etc/UTC"))
    look = accent_of(accent)
    business = unlinked(shortened(business_name, _NAME_CHARACTERS))
    subject = voice.say("Your appointments with {business} in your calendar", business=business)
    values = {
        "language": voice.language,
        "direction": voice.direction,
        "subject": subject,
        "headline": voice.say("All your appointments in your calendar"),
        "sentence": voice.say(
            "Subscribe to this address in your calendar app. Whoever knows it can see your appointments: keep it to"
            " yourself."
        ),
        "rows": [],
        "button": voice.say("Subscribe"),
        "link": address,
        "business": unlinked(business_name),
        "contact": [],
        "why": voice.say(
            "Somebody asked {business} to send this to your address. If it was not you, do nothing.", business=business
        ),
        "stop": "",
        "stop_link": "",
        "accent": look.ground,
        "on_accent": look.ink,
    }
    return Letter(
        subject=subject,
        text=_TEMPLATES.get_template("letter.txt").render(**values),
        html=_TEMPLATES.get_template("letter.html").render(**values),
    )


def render_text(kind: MessageKind, recipient: Recipient, facts: MessageFacts, *, locale: str, zone: ZoneInfo) -> str:
    """A text message: at most `SMS_SEGMENTS`, the link whole or not at all."""
    voice, beside = _clocks(facts, locale, zone)
    words = _words(kind, recipient, facts)
    places = _places(facts, voice, beside, most=_SMS_NAME_CHARACTERS)
    said = narrowed(f"{places['business']}: {voice.say(words.subject, **places)}")
    while segments(said) > SMS_SEGMENTS:
        said = said[:-1]
    with_link = f"{said} {_link(words, facts)}".strip()
    return with_link if segments(with_link) <= SMS_SEGMENTS else said


def _words(kind: MessageKind, recipient: Recipient, facts: MessageFacts) -> _Words:
    to_customer, same_time = recipient is Recipient.CUSTOMER, facts.previous_start is None
    if to_customer and kind is MessageKind.REQUESTED and not same_time:
        return _MOVED_REQUEST
    if to_customer and kind is MessageKind.RESCHEDULED and facts.changes_provider and same_time:
        return _OTHER_PROVIDER
    if not to_customer and kind is MessageKind.CANCELLED and facts.changes_provider:
        return _LOST
    return (_TO_CUSTOMER if recipient is Recipient.CUSTOMER else _TO_PROVIDER)[kind]


def _link(words: _Words, facts: MessageFacts) -> str:
    """Where the button leads; nowhere without one."""
    if not words.button:
        return ""
    return facts.book_url if words.button == _AGAIN else facts.manage_url


def _clocks(facts: MessageFacts, locale: str, zone: ZoneInfo) -> tuple[Voice, Voice | None]:
    """The reader's language with the clocks that count; and with the others, where they show another time."""
    own, there = Voice(locale, zone), Voice(locale, ZoneInfo(facts.location_zone))
    first, second = (own, there) if facts.online else (there, own)
    return first, second if first.offset(facts.start) != second.offset(facts.start) else None


def _places(facts: MessageFacts, voice: Voice, beside: Voice | None, *, most: int) -> dict[str, str]:
    """What the places in a sentence hold; names of at most *most* characters."""
    when = voice.brief(facts.start)
    until = voice.moment(facts.expires_at) if facts.expires_at else ""
    return {
        "service": unlinked(shortened(facts.service, most)),
        "business": unlinked(shortened(facts.business_name, most)),
        "provider": unlinked(shortened(facts.provider, most)),
        "customer": unlinked(shortened(", ".join(each.name for each in _contacts(facts)), most)),
        "when": f"{when} ({voice.city()})" if beside else when,
        "expires": f"{until} ({voice.city()})" if beside and until else until,
    }


def _rows(
    kind: MessageKind, recipient: Recipient, facts: MessageFacts, voice: Voice, beside: Voice | None
) -> Iterator[tuple[str, str]]:
    """Label and value of each line below the headline."""
    span = voice.span(facts.start, facts.end)
    if beside is None:
        yield voice.say("When"), span
    else:
        yield voice.say("When"), f"{span} ({voice.zone_name(facts.start)})"
        other = beside.span(facts.start, facts.end)
        yield voice.say("There" if facts.online else "Your time"), f"{other} ({beside.zone_name(facts.start)})"
    if facts.previous_start is not None:
        yield voice.say("Before"), voice.moment(facts.previous_start)
    yield voice.say("What"), unlinked(facts.service)
    if recipient is Recipient.PROVIDER:
        yield from _customer(facts, voice)
    elif facts.provider:
        yield voice.say("With"), unlinked(facts.provider)
    where = where_of(facts.location, facts.address)
    if where:
        yield voice.say("Where"), unlinked(where)
    yield from _money(kind, facts, voice)
    if recipient is Recipient.CUSTOMER and kind in _WITH_TERMS:
        yield from _conditions(facts, voice)
    if facts.reason:
        yield voice.say(_REASONS.get(kind, "Reason")), unlinked(facts.reason)
    for question, answer in facts.answers.items():
        yield unlinked(question), voice.say(answer) if answer in {"yes", "no"} else unlinked(answer)


def _customer(facts: MessageFacts, voice: Voice) -> Iterator[tuple[str, str]]:
    """Who comes, and how the provider reaches them."""
    for each in _contacts(facts):
        yield voice.say("Customer"), unlinked(each.name)
        if each.phone:
            yield voice.say("Phone"), each.phone
        if each.email:
            yield voice.say("Email"), each.email


def _contacts(facts: MessageFacts) -> Sequence[Contact]:
    return (Contact(facts.customer_name, facts.customer_email, facts.customer_phone), *facts.others)


def _conditions(facts: MessageFacts, voice: Voice) -> Iterator[tuple[str, str]]:
    """Until when cancelling is free, and what it costs then: as on the form."""
    if facts.terms is None or facts.now is None:
        return
    conditions = say_terms(voice, facts.terms, facts.start, now=facts.now)
    if conditions:
        yield voice.say("Cancellation"), conditions


def _money(kind: MessageKind, facts: MessageFacts, voice: Voice) -> Iterator[tuple[str, str]]:
    """What it costs, what cancelling it costs, or what comes back."""
    if kind is MessageKind.CANCELLED:
        rows = [("Fee", facts.fee_minor), ("Refund", facts.refund_minor)]
    elif kind in {MessageKind.DECLINED, MessageKind.EXPIRED}:
        rows = [("Price", facts.price_minor), ("Refund", facts.refund_minor)]
    elif kind is MessageKind.PAYMENT_RETURNED:
        rows = [("Refund", facts.price_minor)]
    else:
        rows = [("Price", facts.price_minor)]
    for label, minor in rows:
        if minor:
            yield voice.say(label), voice.money(minor, facts.currency)
