"""
Owns what one stranger may have of a business at a time, and when they have too much.

Leaves counting to `store/strangers`, and requests per minute to rate limits. Whoever has an API key is no stranger.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from server.domain.errors import Blocked, QuotaReached
from server.domain.networks import Networks

RECENTLY_MIN = 10
"""So long a booking under an address that was not proved counts like a hold: the time it takes to read a mail."""

_SOON_S, _LATER_S = RECENTLY_MIN * 60, 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """What one network may have of one business."""

    starts: int = 3
    """Times at once: held, or booked within the last ten minutes."""
    bookings_per_day: int = 5
    """Bookings in 24 hours, and mails that ask to confirm one, until their addresses are proved."""
    bookings_per_address: int = 5
    """Upcoming bookings under one address, until it is proved: what other networks booked under it does not count."""
    waiting: int = 3
    """Places on the waitlist."""
    wide_factor: int = 8
    """How many times as much the wider network has, altogether."""

    def of_business(self, own: Mapping[str, int]) -> "Quotas":
        """With what a business has set itself."""
        return replace(self, **own)


OVERRIDABLE = ("starts", "bookings_per_day", "bookings_per_address", "waiting")
"""What a business may set itself, in the order in which it is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """Somebody without an API key: where they ask from, and what they say of themselves, as far as they did."""

    networks: Networks
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Had:
    """What a stranger has of a business already, as far as nobody has proved an address for it."""

    starts: int
    wide_starts: int
    booked_today: int
    wide_booked_today: int
    of_address: int
    """Upcoming bookings from the narrow network under the address that they give."""
    blocked: bool
    own: Mapping[str, int]
    """The quotas that the business has set itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanting:
    """A stranger who asks for one more time."""

    stranger: Stranger
    quotas: Quotas
    books: bool
    """They book it; False for a hold."""
    counted: bool = True
    """False where their address is proved, or it is paid."""


def refuse_too_much(wanting: Wanting, had: Had) -> None:
    """
    Lets a stranger take one more time, or not.

    Raises:
        Blocked: The business does not want them to book online.
        QuotaReached: They have as much as they may. It does not say of what.
    """
    if had.blocked:
        raise Blocked
    if not wanting.counted:
        return
    allowed = wanting.quotas.of_business(had.own)
    wide = allowed.wide_factor
    if had.starts >= allowed.starts or had.wide_starts >= allowed.starts * wide:
        raise QuotaReached(retry_after_s=_SOON_S)
    if not wanting.books:
        return
    if had.booked_today >= allowed.bookings_per_day or had.wide_booked_today >= allowed.bookings_per_day * wide:
        raise QuotaReached(retry_after_s=_LATER_S)
    if had.of_address >= allowed.bookings_per_address:
        raise QuotaReached(retry_after_s=_LATER_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """What a stranger has of a business's waitlist already."""

    places: int
    wide_places: int
    blocked: bool
    own: Mapping[str, int]


def refuse_waiting(quotas: Quotas, waits: Waits) -> None:
    """
    Lets a stranger join the waitlist once more, or not.

    Raises:
        Blocked, QuotaReached: As for a time.
    """
    if waits.blocked:
        raise Blocked
    allowed = quotas.of_business(waits.own)
    if waits.places >= allowed.waiting or waits.wide_places >= allowed.waiting * allowed.wide_factor:
        raise QuotaReached(retry_after_s=_LATER_S)
