"""
Owns the states of a payment: which follows which, who is told, and what a look at its provider means.

Leaves asking the provider to `payments`, and when to look to `usecases/payments`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from server.domain.events import Kind


class PaymentStatus(StrEnum):
    """Where a payment stands."""

    OPEN = "open"
    """The customer was sent to pay."""
    PROCESSING = "processing"
    """They are through, and the money is days away: a bank takes its time."""
    BOOKED = "booked"
    """The money has arrived, and the appointment is made."""
    CONTESTED = "contested"
    """Money has arrived that we did not ask for like this: a person decides."""
    RETURNING = "returning"
    """It is to go back; the provider is being asked."""
    REFUND_PENDING = "refund_pending"
    """The provider has taken the refund on, and has not made it yet."""
    REFUND_FAILED = "refund_failed"
    """The provider will not return it: a person has to."""
    RETURNED = "returned"
    EXPIRED = "expired"
    """Nobody paid in time."""
    FAILED = "failed"
    """It could not be begun, or its provider does not know it any more."""


P = PaymentStatus

TRANSITIONS: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    P.OPEN: frozenset({P.PROCESSING, P.BOOKED, P.CONTESTED, P.RETURNING, P.EXPIRED, P.FAILED}),
    P.PROCESSING: frozenset({P.BOOKED, P.CONTESTED, P.RETURNING, P.EXPIRED, P.FAILED}),
    P.BOOKED: frozenset({P.RETURNING}),
    P.CONTESTED: frozenset({P.BOOKED, P.RETURNING}),
    P.RETURNING: frozenset({P.REFUND_PENDING, P.REFUND_FAILED, P.RETURNED}),
    P.REFUND_PENDING: frozenset({P.RETURNED, P.REFUND_FAILED}),
    P.REFUND_FAILED: frozenset({P.RETURNING, P.RETURNED}),
    # A card may send a refund back days after it had succeeded.
    P.RETURNED: frozenset({P.REFUND_FAILED}),
    # Money that comes late still counts.
    P.EXPIRED: frozenset({P.PROCESSING, P.BOOKED, P.CONTESTED, P.RETURNING}),
    P.FAILED: frozenset({P.PROCESSING, P.BOOKED, P.CONTESTED, P.RETURNING}),
}

UNPAID = frozenset({P.OPEN, P.PROCESSING, P.EXPIRED, P.FAILED})
"""In which money may still arrive."""

WAITING = frozenset({P.OPEN, P.PROCESSING})
"""In which the customer waits for an answer."""

FOR_A_PERSON = frozenset({P.CONTESTED, P.REFUND_FAILED})
"""In which nothing goes on until somebody decides."""

TOLD: Mapping[PaymentStatus, Kind] = {
    P.CONTESTED: Kind.PAYMENT_CONTESTED,
    P.RETURNING: Kind.PAYMENT_RETURNING,
    P.REFUND_PENDING: Kind.PAYMENT_REFUND_PENDING,
    P.REFUND_FAILED: Kind.PAYMENT_REFUND_FAILED,
    P.RETURNED: Kind.PAYMENT_RETURNED,
    P.FAILED: Kind.PAYMENT_FAILED,
}
"""What is told when a payment gets there. A booking has a fact of its own; who did not pay knows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the provider says about a payment."""

    session: str
    """`open`: one can still pay; `complete`: they are through; `expired`: nobody can any more."""
    paid: bool
    failed: bool = False
    """They are through, and the money will not come."""
    reference: str
    amount_minor: int
    currency: str
    """Three capital letters."""
    intent: str = ""
    """What the provider calls the payment itself, by which disputes name it."""


class Step(StrEnum):
    """What is to be done after a look."""

    BOOK = "book"
    CONTEST = "contest"
    PROCESS = "process"
    FAIL = "fail"
    CLOSE = "close"
    """Nobody shall pay any more: the session is ended at the provider, and then looked at once more."""
    EXPIRE = "expire"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What we asked for."""

    reference: str
    amount_minor: int
    currency: str


def step_after(seen: Seen, asked: Asked, *, held: bool) -> Step:
    """
    What follows from a look at an unpaid payment.

    Args:
        held: The time is still held for the customer.
    """
    if seen.paid:
        return Step.CONTEST if differences(seen, asked) else Step.BOOK
    if seen.session == "complete":
        return Step.FAIL if seen.failed else Step.PROCESS
    if seen.session == "expired":
        return Step.EXPIRE
    return Step.WAIT if held else Step.CLOSE


def differences(seen: Seen, asked: Asked) -> list[str]:
    """In what the paid money is not what we asked for."""
    pairs = (
        ("amount", seen.amount_minor, asked.amount_minor),
        ("currency", seen.currency, asked.currency),
        ("reference", seen.reference, asked.reference),
    )
    return [what for what, is_there, wanted in pairs if is_there != wanted]


_LOOKS = {
    P.OPEN: (timedelta(minutes=2), timedelta(days=2)),
    P.PROCESSING: (timedelta(hours=1), timedelta(days=21)),
    P.REFUND_PENDING: (timedelta(hours=6), timedelta(days=45)),
}
"""How often a payment is looked at, and for how long; what has not ended by then is for a person."""


def next_look(status: PaymentStatus) -> timedelta | None:
    """How long until the next look at a payment; None if nothing is to be seen any more."""
    return _LOOKS[status][0] if status in _LOOKS else None


def is_overdue(status: PaymentStatus, *, age: timedelta) -> bool:
    """Whether a payment has waited longer in *status* than any honest one does."""
    return status in _LOOKS and age > _LOOKS[status][1]
