"""
Owns giving money back: asking the provider, and finding out whether it was done.

Leaves when money goes back to `settle_payments`, to the steps of appointments and to people (`payment_decisions`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from server.domain.errors import NotFound
from server.domain.payments import PaymentStatus, is_overdue, next_look
from server.payments.errors import ProviderRefused
from server.payments.protocol import PaymentMethod, Refund
from server.store.engine import Session
from server.store.payments import Payment, find_payment, look_again, step_payment
from server.usecases.core import Core
from server.usecases.payment_facts import take

P = PaymentStatus


async def refund(core: Core, methods: Mapping[str, PaymentMethod], business_id: int, uid: UUID) -> str:
    """
    Gives back what is to be given back of a payment; once, however often it is called.

    Returns:
        What came of it, in a word.

    Raises:
        ProviderRefused: The provider says no; a person was told.
        ProviderError: Ask again.
        NotFound: There is no such payment.
    """
    async with core.database.reading() as session:
        payment = await find_payment(session, uid, business_id=business_id)
    if payment is None:
        raise NotFound(what="payment")
    if payment.status is P.REFUND_FAILED:  # somebody wants its dead delivery to be sent again
        payment = await _once_more(core, payment)
    if payment.status is not P.RETURNING or payment.remote_id is None:
        return f"is {payment.status}"
    received, currency = payment.received
    amount = received if payment.return_minor is None else payment.return_minor
    if amount == 0:
        await take(core, payment, P.RETURNED)
        return "nothing to return"
    try:
        made = await methods[payment.method].refund(
            payment.remote_id,
            amount if amount != received else None,
            currency,
            reference=f"{payment.uid}-{payment.refund_round}" if payment.refund_round else str(payment.uid),
        )
    except ProviderRefused as error:
        await take(core, payment, P.REFUND_FAILED, trouble=str(error))
        raise
    return await _note(core, payment, made)


async def _once_more(core: Core, payment: Payment) -> Payment:
    known = {"refund_round": payment.refund_round + 1}

    async def work(session: Session) -> Payment | None:
        await step_payment(session, payment, P.RETURNING, known)
        return await find_payment(session, payment.uid)

    return await core.database.transact(work) or payment


async def give_up_refund(core: Core, business_id: int, uid: UUID, why: str) -> None:
    """It was tried for days: from here on it is for a person."""
    async with core.database.reading() as session:
        payment = await find_payment(session, uid, business_id=business_id)
    if payment is not None:
        await take(core, payment, P.REFUND_FAILED, trouble=why)


async def look_at_refund(core: Core, method: PaymentMethod, payment: Payment, refund_id: str) -> None:
    """
    What became of a refund that the provider took on.

    Raises:
        ProviderError: It cannot be asked.
    """
    made = await method.look_at_refund(refund_id)
    if made.state == "pending" and is_overdue(payment.status, age=datetime.now(UTC) - payment.updated_at):
        made = Refund(remote_id=refund_id, state="failed", detail="it has been pending for weeks")
    await _note(core, payment, made)


async def _note(core: Core, payment: Payment, made: Refund) -> str:
    status = {"pending": P.REFUND_PENDING, "done": P.RETURNED, "failed": P.REFUND_FAILED}[made.state]
    trouble = "" if status is P.RETURNED else made.detail
    if status is not payment.status:
        await take(core, payment, status, {"refund_id": made.remote_id}, trouble=trouble)
    else:
        await core.database.transact(lambda session: look_again(session, payment, next_look(status)))
    return f"{status} {made.detail}".strip()
