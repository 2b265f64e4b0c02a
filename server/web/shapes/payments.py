"""
Owns the shapes of payments.

Leaves amounts to the server: no request names one.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from server.store.payments import Payment
from server.usecases.payments import Started
from server.web.shapes.appointments import AppointmentOrder, Token
from server.web.shapes.base import Priced
from server.web.shapes.drafts import page_shape

Status = Literal["open", "paid", "booked", "returning", "returned", "failed", "expired"]


class PaymentOrder(AppointmentOrder):
    """A booking that is paid first; the time must be held."""

    hold: Token


class PaymentItem(Priced):
    """A payment."""

    id: UUID
    method: Literal["on_site", "stripe"]
    status: Status
    amount_minor: int
    appointment: UUID | None
    expires_at: datetime


class NewPayment(PaymentItem):
    """A payment that was begun."""

    checkout_url: str | None
    """Where the customer pays; null where nothing is due now."""


PaymentPage = page_shape(PaymentItem)


def item_of(payment: Payment) -> PaymentItem:
    """As everybody may see it who knows its id."""
    return PaymentItem.model_validate(_fields(payment))


def new_payment(started: Started) -> NewPayment:
    """The answer to beginning one."""
    return NewPayment.model_validate({**_fields(started.payment), "checkout_url": started.url})


def _fields(payment: Payment) -> dict[str, object]:
    return {
        "id": payment.uid,
        "method": payment.method,
        "status": payment.status,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "appointment": payment.appointment,
        "expires_at": payment.expires_at,
    }
