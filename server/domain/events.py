"""
Owns the facts that go to the outbox: their names and what they carry.

Leaves delivering them to the worker.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What happened: to an appointment, or around it."""

    REQUESTED = "appointment.requested"
    BOOKED = "appointment.booked"
    APPROVED = "appointment.approved"
    DECLINED = "appointment.declined"
    RESCHEDULED = "appointment.rescheduled"
    MOVE_REQUESTED = "appointment.move_requested"
    CANCELLED = "appointment.cancelled"
    EXPIRED = "appointment.expired"
    ATTENDEE_LEFT = "appointment.attendee_left"
    COMPLETED = "appointment.completed"
    NO_SHOW = "appointment.no_show"
    ANSWERED = "appointment.answered"
    COUNTER_DECLINED = "appointment.counter_declined"
    INVITE_REQUESTED = "appointment.invite_requested"
    FEED_REQUESTED = "customer.feed_requested"
    CONFIRMATION_WANTED = "booking.confirmation_wanted"
    BOOKING_SURGE = "booking.surge"
    TIME_FREED = "time.freed"
    WAITLIST_OFFERED = "waitlist.offered"
    WAITLIST_LAPSED = "waitlist.lapsed"
    PAYMENT_RETURNING = "payment.returning"
    PAYMENT_REFUND_PENDING = "payment.refund_pending"
    PAYMENT_RETURNED = "payment.returned"
    PAYMENT_REFUND_FAILED = "payment.refund_failed"
    PAYMENT_CONTESTED = "payment.contested"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_DISPUTED = "payment.disputed"
    CALENDAR_PUT_BACK = "calendar.put_back"
    CALENDAR_CONFLICT = "calendar.conflict"
    CALENDAR_TROUBLE = "calendar.trouble"
    SMS_TROUBLE = "sms.trouble"
    ENDPOINT_DISABLED = "webhook.disabled"
    RENAMED = "catalogue.renamed"
    WEBHOOK_TEST = "webhook.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact, complete enough that a reader need not ask what it was like before."""

    kind: Kind
    appointment: str
    """The appointment's UID."""
    sequence: int
    actor: str
    start: datetime
    previous_start: datetime | None = None
    previous_end: datetime | None = None
    previous_provider: str | None = None
    """Slug of whoever had it before; None where they have it still."""
    attendee: int | None = None
    """The attendee it is about, where it is not about all."""
    reason: str = ""
    quiet: bool = False
    """No mail is sent about it; webhooks, calendars and feeds hear of it all the same."""

    def payload(self) -> dict[str, object]:
        """As JSON; the shape's version leads, so that later readers know what they read."""
        return {
            "v": 1,
            "appointment": self.appointment,
            "sequence": self.sequence,
            "actor": self.actor,
            "start": self.start.isoformat(),
            "previous_start": self.previous_start.isoformat() if self.previous_start else None,
            "previous_end": self.previous_end.isoformat() if self.previous_end else None,
            "previous_provider": self.previous_provider,
            "attendee": self.attendee,
            "reason": self.reason,
            **({"quiet": True} if self.quiet else {}),
        }
