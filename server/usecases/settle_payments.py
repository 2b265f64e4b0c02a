"""
Owns finding out what became of payments: hearing of them, looking at their provider, booking what was paid.

Leaves beginning them to `payments`, and giving money back to `refunds`. Whoever speaks of a payment is believed only so
far that it is looked at.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from server.domain.appointment import Booked
from server.domain.errors import BookingError, InFlight, Unavailable
from server.domain.events import Kind
from server.domain.networks import Networks
from server.domain.payments import (
    UNPAID,
    PaymentStatus,
    Seen,
    Step,
    differences,
    is_overdue,
    next_look,
    step_after,
)
from server.payments.errors import ProviderError, ProviderRefused
from server.payments.protocol import PaymentMethod
from server.store.engine import Session
from server.store.payments import (
    Payment,
    find_by_remote_id,
    look_again,
    look_soon,
    note_dispute,
    payments_to_look_at,
    step_payment,
)
from server.usecases.batches import through
from server.usecases.book import book
from server.usecases.core import Core
from server.usecases.once import Once
from server.usecases.paid_order import UnreadableOrder, unseal_order
from server.usecases.payment_facts import take, tell
from server.usecases.refunds import look_at_refund

log = logging.getLogger(__name__)

P = PaymentStatus
Methods = Mapping[str, PaymentMethod]


class _SettledAlready(Exception):
    """Another call about the same payment was faster."""


async def hear_of_payment(core: Core, what: str, remote_id: str) -> Payment | None:
    """
    Somebody says that there is news of a payment: it is written down that it has to be looked at.

    Args:
        what: `session`, `refund` or `disputed`: what *remote_id* names.

    Returns:
        The payment; None where we began none like this: others use the same account.
    """

    async def work(session: Session) -> Payment | None:
        payment = await find_by_remote_id(session, what, remote_id)
        if payment is None:
            return None
        if what != "disputed":
            await look_soon(session, payment)
        elif await note_dispute(session, payment):
            await tell(session, core.vault, payment, Kind.PAYMENT_DISPUTED)
        return payment

    return await core.database.transact(work)


async def look_at(core: Core, methods: Methods, payment: Payment) -> None:
    """
    Asks the provider of *payment* what became of it, and does what follows; once, however often it is called.

    Raises:
        ProviderError: It cannot be asked; ask again.
        Unavailable: The database.
    """
    method = methods.get(payment.method)
    if method is None or payment.remote_id is None:
        await _cannot_ask(core, payment)
    elif payment.status in UNPAID:
        await _ask(core, method, payment, payment.remote_id)
    elif payment.refund_id and payment.status in {P.REFUND_PENDING, P.RETURNED}:
        await look_at_refund(core, method, payment, payment.refund_id)
    else:
        await _look_later(core, payment)


async def look_within(core: Core, methods: Methods, payment: Payment, *, seconds: float) -> None:
    """The same for somebody who waits: what cannot be found out in time is found out by the worker."""
    try:
        async with asyncio.timeout(seconds):
            await look_at(core, methods, payment)
    except (ProviderError, BookingError, TimeoutError) as error:
        log.info("payment %s is looked at later: %s: %s", payment.uid, type(error).__name__, error)


async def _cannot_ask(core: Core, payment: Payment) -> None:
    """It was never begun, or its way to pay is not set up any more."""
    if payment.remote_id is None and payment.status is P.OPEN:
        await take(core, payment, P.EXPIRED)
    elif is_overdue(payment.status, age=_age(payment)):
        await take(core, payment, P.FAILED, trouble="Nobody could be asked what became of it.")
    else:
        await _look_later(core, payment)


async def _ask(core: Core, method: PaymentMethod, payment: Payment, remote_id: str) -> None:
    try:
        seen = await method.look(remote_id)
        step = step_after(seen, payment.asked, held=payment.held)
        if step is Step.CLOSE:
            await method.close(remote_id)
            seen = await method.look(remote_id)  # it may have been paid just before
            step = step_after(seen, payment.asked, held=payment.held)
    except ProviderError as error:
        await _failed_to_ask(core, payment, error)
        return
    await _follow(core, payment, seen, step)


async def _failed_to_ask(core: Core, payment: Payment, error: ProviderError) -> None:
    """What another key or account has begun is not found; anything else is asked again, for days."""
    unknown = isinstance(error, ProviderRefused) and error.code == "resource_missing"
    if not unknown and not is_overdue(payment.status, age=_age(payment)):
        raise error
    why = "The payment service does not know it" if unknown else "The payment service could not be asked for days"
    await take(core, payment, P.FAILED, trouble=f"{why}: {error}")
    await _look_later(core, payment, status=P.FAILED)


async def _follow(core: Core, payment: Payment, seen: Seen, step: Step) -> None:
    """What a look has shown becomes true here."""
    log.info("payment %s: %s, session %s: %s", payment.uid, payment.status, seen.session, step)
    overdue = is_overdue(payment.status, age=_age(payment))
    if step is Step.BOOK:
        await book_paid(core, payment, seen)
    elif step is Step.CONTEST:
        await _contest(core, payment, seen, f"Not as asked: {', '.join(differences(seen, payment.asked))}.")
    elif step is Step.EXPIRE and payment.status in {P.OPEN, P.PROCESSING}:
        await take(core, payment, P.EXPIRED)
    elif step is Step.FAIL or (step is Step.PROCESS and overdue):
        await take(core, payment, P.FAILED, trouble="The customer's bank did not pay.")
        await _look_later(core, payment, status=P.FAILED)
    elif step is Step.PROCESS and payment.status is not P.PROCESSING:
        await take(core, payment, P.PROCESSING)
    else:
        await _look_later(core, payment)


async def _contest(core: Core, payment: Payment, seen: Seen, trouble: str) -> None:
    paid = {"paid_minor": seen.amount_minor, "paid_currency": seen.currency, "intent_id": seen.intent}
    await take(core, payment, P.CONTESTED, paid, trouble=trouble)


async def book_paid(core: Core, payment: Payment, seen: Seen) -> None:
    """
    Books what was paid. Whoever pays after their hold ran out still gets the time if it is free; else all goes back.

    Raises:
        Unavailable: Ask again.
    """
    try:
        await book_order(core, payment, {"intent_id": seen.intent})
    except UnreadableOrder as error:
        await _contest(core, payment, seen, f"What was ordered cannot be read: {error}.")
    except (Unavailable, InFlight):
        raise
    except BookingError as error:
        log.info("payment %s cannot be booked (%s): it goes back", payment.uid, error)
        known = {"return_minor": payment.amount_minor, "intent_id": seen.intent}
        await take(core, payment, P.RETURNING, known, trouble=f"The time could not be booked: {error}")


async def _nothing(_: Session) -> None:
    """What mostly becomes true with a booking."""


async def book_order(
    core: Core,
    payment: Payment,
    known: Mapping[str, object] = MappingProxyType({}),
    *,
    also_noting: Callable[[Session], Awaitable[None]] = _nothing,
) -> None:
    """
    Makes the appointment of *payment*, in one transaction with its last step and with *also_noting*.

    Raises:
        UnreadableOrder: Nobody knows what was ordered.
        BookingError: As for `book`.
    """

    async def also(session: Session, appointment_id: int) -> None:
        if not await step_payment(session, payment, P.BOOKED, {**known, "appointment_id": appointment_id}):
            raise _SettledAlready
        await also_noting(session)

    once: Once[Booked] = Once(None, 201, lambda _: b"")
    order = unseal_order(core.vault, payment.order_sealed).order
    networks = Networks(payment.network, payment.network) if payment.network else None
    try:
        await book(core, replace(order, choice=replace(order.choice, asked_from=networks)), once, also=also)
    except _SettledAlready:
        return


async def settle_due(core: Core, methods: Methods) -> None:
    """
    Looks at every payment that is due; one that makes it fail is set aside, and the others go on.

    Raises:
        Unavailable: The database is away.
    """

    async def step(payment: Payment) -> None:
        await look_at(core, methods, payment)

    await through(core, "payments", payments_to_look_at, step)


async def _look_later(core: Core, payment: Payment, *, status: PaymentStatus | None = None) -> None:
    wait = next_look(status or payment.status)

    async def work(session: Session) -> None:
        await look_again(session, payment, wait)

    await core.database.transact(work)


def _age(payment: Payment) -> timedelta:
    return datetime.now(UTC) - payment.updated_at
