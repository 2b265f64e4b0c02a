"""
Owns who is told what when a fact has become true.

Leaves facts that are steps of an appointment to `consequences`, the words to `channels/messages`, and how often to try
to `backoff`.
"""

from collections.abc import Mapping

from server.domain.consequences import Telling, consequence_behind
from server.domain.events import Kind

NOTICES: Mapping[str, Telling] = {
    Kind.COUNTER_DECLINED: Telling("counter_declined", None),
    Kind.INVITE_REQUESTED: Telling("confirmed", None),
    Kind.FEED_REQUESTED: Telling("customer_feed", None),
    Kind.CONFIRMATION_WANTED: Telling("confirm_address", None),
    Kind.WAITLIST_OFFERED: Telling("waitlist_offer", None),
    Kind.PAYMENT_REFUND_PENDING: Telling("payment_returned", None),
    Kind.PAYMENT_RETURNED: Telling("payment_returned", None),
    Kind.PAYMENT_CONTESTED: Telling(None, "payment_contested"),
    Kind.PAYMENT_REFUND_FAILED: Telling(None, "payment_refund_failed"),
    Kind.PAYMENT_FAILED: Telling(None, "payment_failed"),
    Kind.PAYMENT_DISPUTED: Telling(None, "payment_disputed"),
    Kind.SMS_TROUBLE: Telling(None, "sms_trouble"),
    Kind.ENDPOINT_DISABLED: Telling(None, "endpoint_disabled"),
    Kind.CALENDAR_PUT_BACK: Telling(None, "calendar_put_back"),
    Kind.CALENDAR_CONFLICT: Telling(None, "calendar_conflict"),
    Kind.CALENDAR_TROUBLE: Telling(None, "calendar_trouble"),
    Kind.BOOKING_SURGE: Telling(None, "booking_surge"),
}
"""Facts that are no step of an appointment. Those that are not here either are told to webhooks only."""

BRING_ADDRESS = frozenset(
    {
        Kind.PAYMENT_REFUND_PENDING,
        Kind.PAYMENT_RETURNED,
        Kind.PAYMENT_CONTESTED,
        Kind.PAYMENT_REFUND_FAILED,
        Kind.PAYMENT_FAILED,
        Kind.PAYMENT_DISPUTED,
        Kind.SMS_TROUBLE,
        Kind.ENDPOINT_DISABLED,
        Kind.CALENDAR_TROUBLE,
        Kind.BOOKING_SURGE,
    }
)
"""Facts about no appointment: the address of whoever is told is in their payload, empty where nobody is."""

_FREES_TIME = frozenset({Kind.WAITLIST_LAPSED, Kind.TIME_FREED})

ENDS = frozenset({Kind.CANCELLED, Kind.DECLINED, Kind.EXPIRED})
"""Facts about those who were there, and are not any more."""

INTERNAL = frozenset(
    {Kind.TIME_FREED, Kind.RENAMED, Kind.PAYMENT_RETURNING, Kind.FEED_REQUESTED, Kind.CONFIRMATION_WANTED}
)
"""Facts that concern nobody outside."""

_ALWAYS_TOLD = frozenset({"cancelled", "declined", "expired", "counter_declined", "payment_returned", "customer_feed"})


def telling_of(kind: str, actor: str | None) -> Telling | None:
    """Who hears of a fact of *kind*, by whoever is named as its *actor*; None where no person does."""
    follows = consequence_behind(kind, actor)
    return follows.tells if follows is not None else NOTICES.get(kind)


HANDED_OVER: Mapping[str, str] = {"rescheduled": "confirmed", "requested": "requested"}
"""What a provider is told instead of a move where a colleague had the appointment before: to them it is new."""

TO_FORMER = "cancelled"
"""What the colleague is told."""


def frees_time(kind: str, actor: str | None) -> bool:
    """Whether somebody on the waitlist may get a time after a fact of *kind*."""
    follows = consequence_behind(kind, actor)
    return follows.frees_time if follows is not None else kind in _FREES_TIME


def is_superseded(message: str, *, told_start: str, start: str, living: bool, over: bool) -> str | None:
    """
    Why a message that was decided on need not be sent any more; None if it still holds.

    A later change has a message of its own, and a reminder of a time that is not the appointment's would mislead.

    Args:
        told_start: Start (RFC 3339, UTC) when the fact became true.
        start: Start now.
        living: The appointment takes place, and the attendee is still in it.
        over: Its start has passed.
    """
    if message in _ALWAYS_TOLD:
        return None
    if over:
        return "the appointment has begun"
    if not living:
        return "cancelled meanwhile"
    if told_start != start:
        return "moved meanwhile"
    return None
