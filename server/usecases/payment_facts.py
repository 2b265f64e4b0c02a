"""
Owns the steps of payments that somebody is told of: the state and its fact, in one transaction.

Leaves which state follows which to `domain/payments`, and who is told to `dispatch`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from server.domain.events import Kind
from server.domain.payments import TOLD, PaymentStatus, next_look
from server.store.engine import Session
from server.store.outbox import add_fact
from server.store.payments import Payment, step_payment
from server.tokens import Vault
from server.usecases.core import Core
from server.usecases.paid_order import UnreadableOrder, unseal_order

Known = Mapping[str, object]
_NOTHING: Known = MappingProxyType({})

_TO_CUSTOMERS = frozenset({Kind.PAYMENT_REFUND_PENDING, Kind.PAYMENT_RETURNED})


async def take(
    core: Core, payment: Payment, status: PaymentStatus, known: Known = _NOTHING, *, trouble: str = ""
) -> bool:
    """
    *payment* gets there, and whoever has to know is told; False if it was somewhere else meanwhile.

    Args:
        known: What else is known now: see `step_payment`.
        trouble: What a person has to know about it.
    """

    async def work(session: Session) -> bool:
        return await take_in(session, core.vault, payment, status, known, trouble=trouble)

    return await core.database.transact(work)


async def take_in(
    session: Session,
    vault: Vault,
    payment: Payment,
    status: PaymentStatus,
    known: Known = _NOTHING,
    *,
    trouble: str = "",
) -> bool:
    """The same in a transaction that there is already."""
    known = {**known, "trouble": trouble[:500]}
    stepped = await step_payment(session, payment, status, known, wait=next_look(status))
    if stepped and (kind := TOLD.get(status)) is not None:
        await tell(session, vault, payment, kind, trouble=trouble, also=known)
    return stepped


async def tell(
    session: Session, vault: Vault, payment: Payment, kind: Kind, *, trouble: str = "", also: Known = _NOTHING
) -> None:
    """
    A fact about *payment*.

    Args:
        also: What has just become known of it.
    """
    payload = _about(payment, trouble, also)
    if kind in _TO_CUSTOMERS:
        if payment.appointment is not None:  # they were told when it was cancelled
            payload["email"] = ""
        else:
            payload |= _customer(vault, payment)
    elif kind is not Kind.PAYMENT_RETURNING:
        payload |= {"email": payment.business_email, "locale": payment.business_locale}
        payload["customer_name"] = payer_of(vault, payment)[0]
    await add_fact(session, payment.business_id, kind, payload)


def _about(payment: Payment, trouble: str, also: Known) -> dict[str, object]:
    received = (also.get("paid_minor", payment.received[0]), also.get("paid_currency", payment.received[1]))
    back = also.get("return_minor", payment.return_minor)
    return {
        "v": 1,
        "payment": str(payment.uid),
        "appointment": str(payment.appointment) if payment.appointment else None,
        "service": payment.service_name,
        "asked_minor": payment.amount_minor,
        "asked_currency": payment.currency,
        "paid_minor": received[0],
        "paid_currency": received[1],
        "amount_minor": back if back is not None else received[0],
        "currency": received[1],
        "detail": trouble,
    }


def payer_of(vault: Vault, payment: Payment) -> tuple[str, str]:
    """Name and address of whoever pays; empty where nobody can read any more what was ordered."""
    try:
        customer = unseal_order(vault, payment.order_sealed).order.customer
    except UnreadableOrder:
        return "", ""
    return customer.name, customer.email


def _customer(vault: Vault, payment: Payment) -> dict[str, object]:
    """Everything that the mail says: there is no appointment to read it from."""
    try:
        paid = unseal_order(vault, payment.order_sealed)
    except UnreadableOrder:
        return {"email": ""}
    customer, start = paid.order.customer, paid.order.choice.start
    end = start + (paid.length or payment.length)
    return {
        "sequence": 0,
        "email": customer.email,
        "name": customer.name,
        "locale": customer.locale,
        "timezone": customer.timezone,
        "location_zone": customer.timezone,
        "start": start.isoformat(),
        "end": end.isoformat(),
    }
