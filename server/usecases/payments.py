"""
Owns paying for a time that is held: sending the customer to pay, booking when it is paid, giving back what is not used.

Leaves the provider's protocol to `payments`. What is paid is computed here, and looked at again at the provider.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from server.domain.appointment import Booked, CustomerDetails, Order, SlotChoice
from server.domain.catalogue import Offer
from server.domain.details import missing_details
from server.domain.errors import (
    BookingError,
    DetailsMissing,
    InFlight,
    NotFound,
    SlotTaken,
    Unavailable,
)
from server.domain.events import Kind
from server.domain.terms import Approval, Terms
from server.domain.zones import zone
from server.payments.protocol import Bill, Checkout, PaymentMethod
from server.store.engine import Session
from server.store.holds import Hold, find_hold
from server.store.outbox import add_fact
from server.store.payments import (
    Payment,
    find_by_remote_id,
    find_payment,
    insert_payment,
    list_payments,
    prolong_hold,
    stale_payments,
    step_payment,
)
from server.tokens import Purpose, token_hash
from server.usecases.batches import through
from server.usecases.book import book, new_uid
from server.usecases.claiming import check_shown, offers_for
from server.usecases.core import Core
from server.usecases.once import Once

log = logging.getLogger(__name__)

_OPEN = ("open", "expired", "failed")
"""From which a payment may still be booked: the money can come late."""


@dataclass(frozen=True, slots=True)
class Started:
    """A payment that was begun, and where the customer pays; None if nothing is due now."""

    payment: Payment
    url: str | None


@dataclass(frozen=True, slots=True)
class Paying:
    """A payment as its customer sees it: when what it is for begins, and the zone to show that in."""

    payment: Payment
    start: datetime
    zone: ZoneInfo


class _SettledAlready(Exception):
    """Another call about the same payment was faster."""


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
        SlotTaken: The hold is over, or for another time.
        Unavailable: The provider of payments, or none is set up; the hold stays.
    """
    hold = await _held(core, order)
    choice = replace(order.choice, provider=hold.provider, location=hold.location)
    offer = (await offers_for(core, choice, anew=True))[0].at(hold.terms)
    check_shown(offer, order.terms)
    order = replace(order, choice=choice, terms=hold.terms)
    if lacking := missing_details(offer.service, order.customer, order.answers):
        raise DetailsMissing(lacking)
    name = "stripe" if offer.service.pays_online else "on_site"
    if name not in methods:
        raise Unavailable("payment", retry_after_s=60)
    payment = await _begin(core, order, offer, name, hold_s)
    bill = Bill(
        reference=str(payment.uid),
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        description=f"{payment.service_name}, {payment.business_name}",
        customer_email=order.customer.email,
        return_url=f"{return_to}{payment.uid}",
        expires_at=payment.expires_at,
    )
    try:
        checkout = await methods[name].open(bill)
    except Unavailable:
        await _step(core, payment, "failed", before=("open",))
        raise
    await _step(core, payment, "open", before=("open",), remote_id=checkout.remote_id, checkout_url=checkout.url)
    if checkout.url is None:
        await _book(core, payment)
    return await _started(core, payment, checkout)


async def _started(core: Core, payment: Payment, checkout: Checkout) -> Started:
    return Started(await read_payment(core, payment.uid), checkout.url)


async def _held(core: Core, order: Order) -> Hold:
    """The hold that *order* names."""
    async with core.database.reading() as session:
        hold = await find_hold(session, token_hash(order.hold or ""))
    choice = order.choice
    if hold is None or (hold.business, hold.service, hold.start) != (choice.business, choice.service, choice.start):
        raise SlotTaken
    return hold


async def _begin(core: Core, order: Order, offer: Offer, method: str, hold_s: int) -> Payment:
    uid = new_uid()
    sealed = core.vault.seal(orjson.dumps(_written(order)), Purpose.ORDER)

    async def work(session: Session) -> Payment:
        expires_at = await prolong_hold(session, token_hash(order.hold or ""), hold_s)
        if expires_at is None:
            raise SlotTaken
        values: dict[str, Any] = {
            "business_id": offer.business_id,
            "uid": uid,
            "service_id": offer.service.id,
            "method": method,
            "amount_minor": offer.service.price_minor,
            "currency": offer.service.currency,
            "order_sealed": sealed,
            "expires_at": expires_at,
        }
        await insert_payment(session, values)
        payment = await find_payment(session, uid)
        assert payment is not None
        return payment

    return await core.database.transact(work)


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


async def view_payment(core: Core, uid: UUID) -> Paying:
    """
    A payment, for whoever knows its id.

    Raises:
        NotFound: There is none.
        Unavailable: What was ordered cannot be unsealed.
    """
    payment = await read_payment(core, uid)
    plain = core.vault.unseal(payment.order_sealed, Purpose.ORDER)
    if plain is None:
        raise Unavailable("secret keys")
    order = _read(orjson.loads(plain))
    return Paying(payment, payment.appointment_start or order.choice.start, zone(order.customer.timezone))


async def page_of_payments(
    core: Core, business_id: int, *, after: int | None, limit: int
) -> tuple[list[Payment], int | None]:
    """Up to *limit* payments, and the id after which the next page begins; None on the last one."""
    async with core.database.reading() as session:
        found = await list_payments(session, business_id, after=after, limit=limit + 1)
    return found[:limit], found[limit - 1].id if len(found) > limit else None


async def hear_of_payment(core: Core, methods: Mapping[str, PaymentMethod], remote_id: str) -> None:
    """
    Somebody says that this was paid: it is looked at, and booked.

    Raises:
        NotFound: We began no such payment.
        Unavailable: Ask again.
    """
    async with core.database.reading() as session:
        payment = await find_by_remote_id(session, remote_id)
    if payment is None:
        raise NotFound(what="payment")
    await settle(core, methods, payment)


async def settle(core: Core, methods: Mapping[str, PaymentMethod], payment: Payment) -> None:
    """
    Books what *payment* pays for, if its provider says that all of it was paid; once, however often it is called.

    Whoever pays after their hold ran out still gets the time if it is free. If it is not, the money goes back.

    Raises:
        Unavailable: Ask again.
    """
    if payment.status not in _OPEN or payment.remote_id is None:
        return
    paid = await methods[payment.method].check(payment.remote_id)
    right = (str(payment.uid), payment.amount_minor, payment.currency)
    if not paid.is_paid:
        return
    if (paid.reference, paid.amount_minor, paid.currency) != right:
        log.error("payment %s: another amount, currency or reference than we asked for", payment.uid)
        return
    await _book(core, payment)


async def _book(core: Core, payment: Payment) -> None:
    async def also(session: Session, appointment_id: int) -> None:
        booked = await step_payment(session, payment, "booked", before=_OPEN, appointment_id=appointment_id)
        if not booked:
            raise _SettledAlready

    plain = core.vault.unseal(payment.order_sealed, Purpose.ORDER)
    if plain is None:
        raise Unavailable("secret keys")
    once: Once[Booked] = Once(None, 201, lambda _: b"")
    try:
        await book(core, _read(orjson.loads(plain)), once, also=also)
    except _SettledAlready:
        return
    except (Unavailable, InFlight):
        raise
    except BookingError as error:
        log.info("payment %s cannot be booked (%s): it goes back", payment.uid, error)
        await _give_back(core, payment)


async def _give_back(core: Core, payment: Payment) -> None:
    async def work(session: Session) -> None:
        stepped = await step_payment(session, payment, "returning", before=_OPEN, return_minor=payment.amount_minor)
        if stepped:
            await add_fact(session, payment.business_id, Kind.PAYMENT_RETURNING, {"v": 1, "payment": str(payment.uid)})

    await core.database.transact(work)


async def refund(core: Core, methods: Mapping[str, PaymentMethod], business_id: int, uid: UUID) -> None:
    """
    Gives back what is to be given back of a payment; once, however often it is called.

    Raises:
        Unavailable: The provider; ask again.
    """
    payment = await read_payment(core, uid, business_id=business_id)
    if payment.status != "returning" or payment.remote_id is None:
        return
    amount = payment.amount_minor if payment.return_minor is None else payment.return_minor
    if amount > 0:
        await methods[payment.method].refund(payment.remote_id, amount, reference=str(payment.uid))

    async def work(session: Session) -> None:
        if await step_payment(session, payment, "returned", before=("returning",)) and payment.appointment is None:
            await add_fact(session, business_id, Kind.PAYMENT_RETURNED, _told(core, payment))

    await core.database.transact(work)


async def settle_stale(core: Core, methods: Mapping[str, PaymentMethod]) -> None:
    """
    Asks once more about payments that nobody spoke of in time; those that were not paid are over.

    Each is asked about by itself: one that its provider does not know, or that cannot be read, is set aside.

    Raises:
        Unavailable: The database is away.
    """

    async def step(payment: Payment) -> None:
        if payment.method in methods:
            await settle(core, methods, payment)
        await _step(core, payment, "expired", before=("open",))

    await through(core, "payments", stale_payments, step)


async def _step(core: Core, payment: Payment, status: str, *, before: tuple[str, ...], **columns: object) -> None:
    async def work(session: Session) -> None:
        await step_payment(session, payment, status, before=before, **columns)

    await core.database.transact(work)


def _told(core: Core, payment: Payment) -> dict[str, object]:
    """Everything that the mail says: there is no appointment."""
    plain = core.vault.unseal(payment.order_sealed, Purpose.ORDER)
    order: dict[str, Any] = orjson.loads(plain) if plain is not None else {}
    customer = order.get("customer", {})
    return {
        "v": 1,
        "sequence": 0,
        "payment": str(payment.uid),
        "email": customer.get("email", ""),
        "name": customer.get("name", ""),
        "locale": customer.get("locale", "en"),
        "timezone": customer.get("timezone", "Etc/UTC"),
        "location_zone": customer.get("timezone", "Etc/UTC"),
        "service": payment.service_name,
        "start": order.get("start", payment.created_at.isoformat()),
        "end": order.get("start", payment.created_at.isoformat()),
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
    }


def _written(order: Order) -> dict[str, Any]:
    choice, customer = order.choice, order.customer
    return {
        "business": choice.business,
        "service": choice.service,
        "provider": choice.provider,
        "location": choice.location,
        "start": choice.start.isoformat(),
        "customer": {
            "name": customer.name,
            "email": customer.email,
            "phone": customer.phone,
            "timezone": customer.timezone,
            "locale": customer.locale,
        },
        "answers": dict(order.answers),
        "hold": order.hold,
        "terms": asdict(order.terms) if order.terms is not None else None,
    }


def _read(written: Mapping[str, Any]) -> Order:
    terms = written.get("terms")  # none in orders of before terms were kept
    return Order(
        choice=SlotChoice(
            business=written["business"],
            service=written["service"],
            provider=written["provider"],
            location=written["location"],
            start=datetime.fromisoformat(written["start"]),
        ),
        customer=CustomerDetails(**written["customer"]),
        answers=written["answers"],
        hold=written["hold"],
        terms=Terms(**{**terms, "approval": Approval(terms["approval"])}) if terms is not None else None,
        paid=True,
    )
