"""
Owns who is told what when a fact has become true.

Leaves the words to `channels/messages`, and how often to try to `backoff`.
"""

from collections.abc import Mapping
from typing import NamedTuple

from server.domain.events import Kind


class Telling(NamedTuple):
    """The message for the customers that a fact is about, and the one for the provider; None for silence."""

    customer: str | None
    provider: str | None


TELLINGS: Mapping[str, Telling] = {
    Kind.REQUESTED: Telling("requested", "requested"),
    Kind.BOOKED: Telling("confirmed", "confirmed"),
    Kind.APPROVED: Telling("approved", None),
    Kind.DECLINED: Telling("declined", None),
    Kind.RESCHEDULED: Telling("rescheduled", "rescheduled"),
    Kind.CANCELLED: Telling("cancelled", "cancelled"),
    Kind.ATTENDEE_LEFT: Telling("cancelled", "cancelled"),
    Kind.COUNTER_DECLINED: Telling("counter_declined", None),
    Kind.INVITE_REQUESTED: Telling("confirmed", None),
    Kind.FEED_REQUESTED: Telling("customer_feed", None),
    Kind.WAITLIST_OFFERED: Telling("waitlist_offer", None),
    Kind.PAYMENT_RETURNED: Telling("payment_returned", None),
    Kind.CALENDAR_PUT_BACK: Telling(None, "calendar_put_back"),
    Kind.CALENDAR_CONFLICT: Telling(None, "calendar_conflict"),
    Kind.CALENDAR_TROUBLE: Telling(None, "calendar_trouble"),
}
"""Facts that are not here are told to webhooks only."""

FREES_TIME = frozenset(
    {Kind.CANCELLED, Kind.DECLINED, Kind.ATTENDEE_LEFT, Kind.RESCHEDULED, Kind.WAITLIST_LAPSED, Kind.TIME_FREED}
)
"""Facts after which somebody on the waitlist may get a time."""

ENDS = frozenset({Kind.CANCELLED, Kind.DECLINED})
"""Facts about those who were there, and are not any more."""

INTERNAL = frozenset({Kind.TIME_FREED, Kind.RENAMED, Kind.PAYMENT_RETURNING, Kind.FEED_REQUESTED})
"""Facts that concern nobody outside."""

_ALWAYS_TOLD = frozenset({"cancelled", "declined", "counter_declined", "payment_returned", "customer_feed"})


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
