"""
Owns the calls that Stripe makes: whether it is Stripe, and what it wants us to look at.

Leaves looking to `usecases/payments`: what a call says beyond that is not believed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import orjson
import stripe

_TOLERANCE_S = 300

_BY_SESSION = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
    }
)
_BY_REFUND = frozenset({"refund.updated", "refund.failed"})
_BY_INTENT = frozenset({"charge.dispute.created"})
EVENTS = _BY_SESSION | _BY_REFUND | _BY_INTENT
"""What an endpoint at Stripe has to send us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What to look at, by one of the provider's ids."""

    what: Literal["session", "refund", "disputed"]
    """What the id names; that of a dispute is the payment intent whose money a bank wants back."""
    remote_id: str


def is_from_stripe(body: bytes, signature: str, secret: str) -> bool:
    """Whether *signature* (`Stripe-Signature`) was made with *secret* over *body*, five minutes ago at most."""
    if not signature.isascii():  # the library's comparison takes no other text
        return False
    try:
        return bool(stripe.WebhookSignature.verify_header(body, signature, secret, _TOLERANCE_S))
    except (ValueError, stripe.SignatureVerificationError):  # ValueError: the body is no UTF-8
        return False


def hear(body: bytes, *, livemode: bool) -> Heard | None:
    """
    What a call of Stripe is about; None where it is nothing that we would look at, whatever its shape.

    Args:
        livemode: Whether our key is one for real money: events of the other mode are not about us.
    """
    try:
        event = orjson.loads(body)
        of_ours = event.get("livemode", livemode) is livemode
        return _heard(str(event["type"]), event["data"]["object"]) if of_ours else None
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def _heard(kind: str, about: Mapping[str, object]) -> Heard | None:
    if kind in _BY_SESSION:
        return Heard(what="session", remote_id=str(about["id"]))
    if kind in _BY_REFUND:
        return Heard(what="refund", remote_id=str(about["id"]))
    if kind in _BY_INTENT:
        return Heard(what="disputed", remote_id=str(about["payment_intent"]))
    return None
