"""
Owns what the owner of a business is told when something waits for them: money, text messages, endpoints.

Leaves who is told when to `domain/telling`, and messages about appointments to `messages`.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from server.channels.accent import accent_of
from server.channels.foreign_text import shortened, unlinked
from server.channels.messages import Letter
from server.voice import Voice

_NAME_CHARACTERS = 80
_TEMPLATES = Environment(
    loader=PackageLoader("server", "templates/mail"),
    autoescape=select_autoescape(("html",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class _Notice(NamedTuple):
    subject: str
    headline: str
    sentence: str


NOTICES: Mapping[str, _Notice] = {
    "payment_contested": _Notice(
        "Please decide: a payment of {paid}",
        "A payment does not match its price",
        "You received {paid} instead of {asked}. Book the appointment anyway, or give the money back.",
    ),
    "payment_refund_failed": _Notice(
        "Please return {amount} yourself",
        "A refund failed",
        "Return {amount} to the customer by hand and mark the payment as refunded, or try the refund again.",
    ),
    "payment_failed": _Notice(
        "A payment of {asked} failed",
        "A customer could not pay",
        "See the reason below. Until it is fixed, customers may not be able to pay online.",
    ),
    "payment_disputed": _Notice(
        "Disputed: a payment of {paid}",
        "A customer's bank wants a payment back",
        "Answer the dispute at your payment service. The appointment stays as it is until you change it.",
    ),
    "booking_surge": _Notice(
        "Unusually many bookings: {taken} within an hour",
        "Unusually many bookings",
        "Within an hour, {taken} times were booked or held online. The busiest hour of the week before had {usual}."
        " Look at them: you can cancel what one source has booked together, and keep it out.",
    ),
    "sms_trouble": _Notice(
        "Your text messages do not arrive",
        "Text messages are not delivered",
        "The text message service rejects the sender. Whoever runs this server has to fix this with the service.",
    ),
    "endpoint_disabled": _Notice(
        "Your webhook was switched off",
        "A webhook failed for days and was switched off",
        "Fix the address below, then switch the webhook on again. You can resend what was missed.",
    ),
}
"""By message; English is the key of each sentence in the catalogues."""


def render_owner_notice(message: str, business: str, accent: str, payload: Mapping[str, Any], *, locale: str) -> Letter:
    """
    The mail about *payload*, the fact that became true.

    Args:
        message: A key of `NOTICES`.
        accent: `#rrggbb`, or nothing.
        locale: Of the business.
    """
    voice, notice = Voice(locale, ZoneInfo("Etc/UTC")), NOTICES[message]
    name = unlinked(shortened(business, _NAME_CHARACTERS))
    amounts = _amounts(voice, payload)
    places = {**amounts, **_counts(payload)}
    look = accent_of(accent)
    values = {
        "language": voice.language,
        "direction": voice.direction,
        "subject": voice.say(notice.subject, **places),
        "headline": voice.say(notice.headline),
        "sentence": voice.say(notice.sentence, **places),
        "rows": list(_rows(voice, payload, amounts)),
        "button": "",
        "link": "",
        "business": name,
        "contact": [],
        "why": voice.say("You get this email because it is the address of {business}.", business=name),
        "stop": "",
        "stop_link": "",
        "accent": look.ground,
        "on_accent": look.ink,
    }
    return Letter(
        subject=str(values["subject"]),
        text=_TEMPLATES.get_template("letter.txt").render(**values),
        html=_TEMPLATES.get_template("letter.html").render(**values),
    )


def _amounts(voice: Voice, payload: Mapping[str, Any]) -> dict[str, str]:
    """What the places in a sentence hold."""
    pairs = {
        "asked": ("asked_minor", "asked_currency"),
        "paid": ("paid_minor", "paid_currency"),
        "amount": ("amount_minor", "currency"),
    }
    return {name: voice.money(payload[m], payload[c]) for name, (m, c) in pairs.items() if m in payload}


def _counts(payload: Mapping[str, Any]) -> dict[str, str]:
    """How many, where something is counted."""
    return {name: str(payload[name]) for name in ("taken", "usual") if name in payload}


def _rows(voice: Voice, payload: Mapping[str, Any], amounts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if payload.get("service"):
        yield voice.say("What"), unlinked(str(payload["service"]))
    if payload.get("customer_name"):
        yield voice.say("Customer"), unlinked(str(payload["customer_name"]))
    if amounts:
        yield voice.say("Price"), amounts["asked"]
        yield voice.say("Payment"), str(payload["payment"])
    if payload.get("url"):
        yield voice.say("Address"), unlinked(str(payload["url"]))
    if payload.get("guarded_until"):
        until = datetime.fromisoformat(payload["guarded_until"])
        yield voice.say("Until then, customers confirm their address by mail"), f"{voice.moment(until)} (UTC)"
    if payload.get("detail"):
        yield voice.say("Reason"), unlinked(str(payload["detail"]))
