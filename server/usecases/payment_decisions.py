"""
Owns what a person decides about a payment that cannot go on by itself: book anyway, give back, or say that it was.

Leaves doing it to `settle_payments` and `refunds`.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from uuid import UUID

from server.domain.errors import Conflict, IllegalTransition, NotFound
from server.domain.payments import FOR_A_PERSON, PaymentStatus
from server.store.audit import note_change
from server.store.engine import Session
from server.store.payments import Payment, find_payment
from server.usecases.catalogue import Editor
from server.usecases.core import Core
from server.usecases.paid_order import UnreadableOrder
from server.usecases.payment_facts import take_in
from server.usecases.settle_payments import book_order

P = PaymentStatus


async def book_anyway(core: Core, editor: Editor, uid: UUID) -> Payment:
    """
    What has arrived is enough: the time is booked, if it is still free.

    Raises:
        NotFound, IllegalTransition: There is none, or none that waits for this.
        Conflict: What was ordered cannot be read.
        BookingError: As for `book`.
    """
    payment = await _waiting(core, editor, uid, {P.CONTESTED}, wanted="book")

    async def note(session: Session) -> None:
        await _note(session, editor, payment, P.BOOKED)

    try:
        await book_order(core, payment, also_noting=note)
    except UnreadableOrder as error:
        raise Conflict(f"What was ordered cannot be read: {error}. Give the money back.") from error
    async with core.database.reading() as session:
        booked = await find_payment(session, uid)
    assert booked is not None
    return booked


async def give_back(core: Core, editor: Editor, uid: UUID) -> Payment:
    """
    The money of a contested payment goes back, or a refund that failed is tried once more.

    Raises:
        NotFound, IllegalTransition: There is none, or none that waits for this.
    """
    payment = await _waiting(core, editor, uid, FOR_A_PERSON, wanted="refund")
    again = payment.refund_round + int(payment.status is P.REFUND_FAILED)
    back = payment.received[0] if payment.return_minor is None else payment.return_minor
    return await _decided(core, editor, payment, P.RETURNING, {"return_minor": back, "refund_round": again})


async def mark_refunded(core: Core, editor: Editor, uid: UUID) -> Payment:
    """
    The money was returned by hand.

    Raises:
        NotFound, IllegalTransition: There is none, or none whose refund has failed.
    """
    payment = await _waiting(core, editor, uid, {P.REFUND_FAILED}, wanted="mark-refunded")
    return await _decided(core, editor, payment, P.RETURNED, {}, trouble="Returned by hand.")


async def _waiting(
    core: Core, editor: Editor, uid: UUID, states: AbstractSet[PaymentStatus], *, wanted: str
) -> Payment:
    async with core.database.reading() as session:
        payment = await find_payment(session, uid, business_id=editor.business_id)
    if payment is None:
        raise NotFound(what="payment")
    if payment.status not in states:
        raise IllegalTransition(status=payment.status, wanted=wanted)
    return payment


async def _decided(
    core: Core,
    editor: Editor,
    payment: Payment,
    status: PaymentStatus,
    known: Mapping[str, object],
    *,
    trouble: str = "",
) -> Payment:
    async def work(session: Session) -> Payment:
        if not await take_in(session, core.vault, payment, status, known, trouble=trouble):
            raise IllegalTransition(status=payment.status, wanted=status)
        await _note(session, editor, payment, status)
        after = await find_payment(session, payment.uid)
        assert after is not None
        return after

    return await core.database.transact(work)


async def _note(session: Session, editor: Editor, payment: Payment, status: PaymentStatus) -> None:
    await note_change(
        session,
        editor.business_id,
        actor=editor.name,
        action="changed",
        subject="payment",
        subject_key=str(payment.uid),
        changes={"status": {"from": payment.status, "to": status}},
    )
