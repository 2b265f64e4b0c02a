"""
Owns the shapes of payments.

Leaves amounts to the server: no request names one.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from server.domain.payments import PaymentStatus
from server.store.payments import Payment
from server.usecases.payments import Started
from server.web.shapes.appointments import AppointmentOrder, Token
from server.web.shapes.base import Name, OneOf, Priced
from server.web.shapes.drafts import PageQuery, page_shape

Status = Annotated[str, OneOf(PaymentStatus)]


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


class ManagedPayment(PaymentItem):
    """A payment as the business sees it."""

    service: Name
    customer_name: str
    customer_email: str
    paid_minor: int | None
    """What has arrived, where that is not what was asked for."""
    paid_currency: str | None
    return_minor: int | None
    """What goes or went back."""
    trouble: str
    """What a person has to know, in the payment service's words."""
    remote_id: str | None
    """What the payment service calls it."""
    created_at: datetime


class PaymentQuery(PageQuery):
    """Which payments."""

    status: Status | None = None

    def filters(self) -> dict[str, Any]:
        """As the use-case takes them."""
        return {"status": self.status}


PaymentPage = page_shape(ManagedPayment)


def item_of(payment: Payment) -> PaymentItem:
    """As everybody may see it who knows its id."""
    return PaymentItem.model_validate(_fields(payment))


def new_payment(started: Started) -> NewPayment:
    """The answer to beginning one."""
    return NewPayment.model_validate({**_fields(started.payment), "checkout_url": started.url})


def managed_payment(payment: Payment, payer: tuple[str, str]) -> ManagedPayment:
    """As the business sees it, with the name and address of its payer."""
    names = ("paid_minor", "paid_currency", "return_minor", "trouble", "remote_id", "created_at")
    also = {name: getattr(payment, name) for name in names}
    return ManagedPayment.model_validate({**_fields(payment), "service": payment.service_name, **_payer(payer), **also})


def _payer(payer: tuple[str, str]) -> dict[str, str]:
    return {"customer_name": payer[0], "customer_email": payer[1]}


def _fields(payment: Payment) -> dict[str, object]:
    return {
        "id": payment.uid,
        "method": payment.method,
        "status": str(payment.status),
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "appointment": payment.appointment,
        "expires_at": payment.expires_at,
    }
