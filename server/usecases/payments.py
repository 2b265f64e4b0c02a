"""
Owns beginning to pay for a time that is held, and showing what became of it.

Leaves the provider's protocol to `payments`, finding out what was paid to `settle_payments`, and giving it back to
`refunds`. What is paid is computed here: no request names an amount.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from server.domain.appointment import Booked, Order, title_of
from server.domain.catalogue import Offer
from server.domain.details import missing_details
from server.domain.errors import (
    Blocked,
    ConfirmationNeeded,
    Conflict,
    DetailsMissing,
    LimitReached,
    NotFound,
    PaymentRefused,
    SlotTaken,
    Unavailable,
)
from server.domain.payments import WAITING, PaymentStatus
from server.domain.zones import zone
from server.payments.errors import ProviderError, ProviderRefused
from server.payments.protocol import Bill, Checkout, PaymentMethod
from server.store.engine import Session
from server.store.holds import Hold, find_hold
from server.store.payments import (
    Payment,
    find_payment,
    insert_payment,
    list_payments,
    may_look_now,
    note_checkout,
    prolong_hold,
    step_payment,
)
from server.store.strangers import is_blocked
from server.tokens import token_hash
from server.usecases.book import book, new_uid, remaining
from server.usecases.claiming import check_shown, customer_key, offers_for
from server.usecases.core import Core
from server.usecases.hold import release
from server.usecases.once import Once
from server.usecases.paid_order import UnreadableOrder, seal_order, unseal_order
from server.usecases.payment_facts import take
from server.usecases.settle_payments import look_within
from server.usecases.strangers import wanting

log = logging.getLogger(__name__)

P = PaymentStatus

_LOOK_EVERY_S = 10
"""A customer who comes back and waits makes us ask the provider so often at most."""
_PATIENCE_S = 3.0
"""So long their page waits for the answer."""


@dataclass(frozen=True, slots=True)
class Started:
    """A payment that was begun, and where the customer pays; None if nothing is due now."""

    payment: Payment
    url: str | None


@dataclass(frozen=True, slots=True)
class Paying:
    """A payment as its customer sees it: when what it is for begins, and the zone to show that in."""

    payment: Payment
    start: datetime | None
    """None where nobody can read any more what was ordered."""
    zone: ZoneInfo


async def start_payment(
    core: Core, methods: Mapping[str, PaymentMethod], order: Order, *, hold_s: int, return_to: str
) -> Started:
    """
    Keeps the held time of *order* for as long as paying may take, and begins the payment.

    Args:
        return_to: Where the customer comes back to; the payment's id is put behind it.

    Raises:
        NotFound, DetailsMissing: As for `book`.
        TermsChanged: The customer was shown other terms than those of the hold.
        LimitReached: The customer may not book more of this service, what they are paying for included.
        Blocked: The business does not want them to book online.
        QuotaReached, ProofRequired, Conflict: Nothing is due now, and a stranger cannot have it so.
        SlotTaken: The hold is over, or for another time.
        PaymentRefused: The provider of payments says no.
        Unavailable: The provider is away, or none is set up; the hold stays.
    """
    hold = await _held(core, order)
    choice = replace(order.choice, provider=hold.provider, location=hold.location)
    offer = (await offers_for(core, choice, anew=True))[0].at(hold.terms)
    check_shown(offer, order.terms)
    order = replace(order, choice=choice, terms=hold.terms)
    if lacking := missing_details(offer.service, order.customer, order.answers):
        raise DetailsMissing(lacking)
    if not offer.service.pays_online:
        return await _book_at_once(core, order, offer, hold)
    if "stripe" not in methods:
        raise Unavailable("payment", retry_after_s=60)
    payment = await _begin(core, order, offer, hold_s)
    bill = Bill(
        reference=str(payment.uid),
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        description=title_of(payment.service_name, payment.business_name),
        customer_email=order.customer.email,
        return_url=f"{return_to}{payment.uid}",
        expires_at=payment.expires_at,
    )
    checkout = await _open(core, methods["stripe"], payment, bill, order)
    await core.database.transact(lambda session: note_checkout(session, payment, checkout.remote_id, checkout.url))
    return Started(await read_payment(core, payment.uid), checkout.url)


async def _open(core: Core, method: PaymentMethod, payment: Payment, bill: Bill, order: Order) -> Checkout:
    """
    Begins the payment at its provider.

    Raises:
        DetailsMissing: The provider does not take the customer's address.
        PaymentRefused: It says no for another reason, which the business is told; the time is let go.
        Unavailable: It cannot be asked, or nobody knows what it did: whoever never saw its page cannot pay there.
    """
    try:
        return await method.open(bill)
    except ProviderRefused as error:
        if error.code == "email_invalid":
            await _end_unpaid(core, payment)
            why = "The payment service does not accept this address. Use another one."
            raise DetailsMissing([("/customer/email", why)]) from error
        log.error("payment %s: its provider says no: %s", payment.uid, error)
        await take(core, payment, P.FAILED, trouble=str(error))
        await _let_go(core, order.hold or "")
        raise PaymentRefused from error
    except ProviderError as error:
        log.warning("payment %s: its provider is away: %s", payment.uid, error)
        await _end_unpaid(core, payment)
        raise Unavailable("payment", retry_after_s=getattr(error, "retry_after_s", None) or 5) from error


async def _book_at_once(core: Core, order: Order, offer: Offer, hold: Hold) -> Started:
    """
    Nothing is due now: it is booked, within the bounds of whoever does not pay beforehand.

    Raises:
        Conflict: The address has to be confirmed first, and no payment waits for that.
    """
    values = _row(core, order, offer, "on_site", hold_id=hold.id, expires_at=hold.expires_at)

    async def also(session: Session, appointment_id: int) -> None:
        payment = await _insert(session, values)
        await step_payment(session, payment, P.BOOKED, {"appointment_id": appointment_id})

    try:
        await book(core, order, Once[Booked](None, 201, lambda _: b""), also=also)
    except ConfirmationNeeded as error:
        raise Conflict(
            "Nothing is due now, and this business confirms addresses first. Book it with POST .../appointments."
        ) from error
    return Started(await read_payment(core, values["uid"]), None)


async def _end_unpaid(core: Core, payment: Payment) -> None:
    """Nobody can pay it, and nobody needs to be told."""
    await core.database.transact(lambda session: step_payment(session, payment, P.EXPIRED))


async def _let_go(core: Core, hold: str) -> None:
    try:
        await release(core, hold)
    except NotFound:
        return


async def _held(core: Core, order: Order) -> Hold:
    """The hold that *order* names."""
    async with core.database.reading() as session:
        hold = await find_hold(session, token_hash(order.hold or ""))
    choice = order.choice
    if hold is None or (hold.business, hold.service, hold.start) != (choice.business, choice.service, choice.start):
        raise SlotTaken
    return hold


async def _begin(core: Core, order: Order, offer: Offer, hold_s: int) -> Payment:
    asks = wanting(core.booking, order.choice, order.customer)

    async def work(session: Session) -> Payment:
        if asks is not None and await is_blocked(session, offer.business_id, asks.stranger):
            raise Blocked
        left = await remaining(session, offer, order)
        if left is not None and left <= 0:
            raise LimitReached(limit=offer.service.per_customer_limit or 0)
        own = token_hash(order.hold or "")
        prolonged = await prolong_hold(session, own, hold_s, customer_email=order.customer.email)
        if prolonged is None:
            raise SlotTaken
        hold_id, expires_at = prolonged
        return await _insert(session, _row(core, order, offer, "stripe", hold_id=hold_id, expires_at=expires_at))

    # Two payments of one customer at once are one after the other: a limit counts what is being paid for.
    locks = [customer_key(offer.business_id, order.customer.email)]
    return await core.database.transact(work, locks=locks)


def _row(core: Core, order: Order, offer: Offer, method: str, *, hold_id: int, expires_at: datetime) -> dict[str, Any]:
    networks = order.choice.asked_from
    return {
        "business_id": offer.business_id,
        "uid": new_uid(),
        "hold_id": hold_id,
        "service_id": offer.service.id,
        "method": method,
        "amount_minor": offer.service.price_minor,
        "currency": offer.service.currency,
        "order_sealed": seal_order(core.vault, order, length=timedelta(seconds=offer.service.terms.duration_s)),
        "network": networks.narrow if networks else None,
        "expires_at": expires_at,
    }


async def _insert(session: Session, values: Mapping[str, Any]) -> Payment:
    await insert_payment(session, values)
    payment = await find_payment(session, values["uid"])
    assert payment is not None, "it was just written"
    return payment


async def read_payment(core: Core, uid: UUID, *, business_id: int | None = None) -> Payment:
    """
    One payment.

    Raises:
        NotFound: There is none with this id.
    """
    async with core.database.reading() as session:
        payment = await find_payment(session, uid, business_id=business_id)
    if payment is None:
        raise NotFound(what="payment")
    return payment


async def watch_payment(core: Core, methods: Mapping[str, PaymentMethod], uid: UUID) -> Payment:
    """
    One payment, for the customer who came back from paying and waits: its provider is asked, within a few seconds.

    Raises:
        NotFound: There is none with this id.
    """
    payment = await read_payment(core, uid)
    if payment.status not in WAITING or payment.remote_id is None:
        return payment
    if not await core.database.transact(lambda session: may_look_now(session, payment, every_s=_LOOK_EVERY_S)):
        return payment
    await look_within(core, methods, payment, seconds=_PATIENCE_S)
    return await read_payment(core, uid)


async def view_payment(core: Core, methods: Mapping[str, PaymentMethod], uid: UUID) -> Paying:
    """
    A payment, for whoever knows its id.

    Raises:
        NotFound: There is none.
    """
    payment = await watch_payment(core, methods, uid)
    try:
        order = unseal_order(core.vault, payment.order_sealed).order
    except UnreadableOrder:
        return Paying(payment, payment.appointment_start, zone("Etc/UTC"))
    return Paying(payment, payment.appointment_start or order.choice.start, zone(order.customer.timezone))


async def page_of_payments(
    core: Core, business_id: int, *, status: str | None, after: int | None, limit: int
) -> tuple[list[Payment], int | None]:
    """Up to *limit* payments, and the id after which the next page begins; None on the last one."""
    async with core.database.reading() as session:
        found = await list_payments(session, business_id, status=status, after=after, limit=limit + 1)
    return found[:limit], found[limit - 1].id if len(found) > limit else None
