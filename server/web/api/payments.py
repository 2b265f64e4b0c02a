"""
Owns paying over HTTP: beginning a payment, looking at it, and hearing of it from Stripe.

Leaves what is paid to `usecases/payments`.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

from aiohttp import web

from server.domain.errors import NotFound
from server.domain.lifecycle import Actor
from server.payments.stripe_events import Heard, hear, is_from_stripe
from server.store.payments import Payment
from server.usecases.catalogue import Editor
from server.usecases.core import Core
from server.usecases.payment_decisions import book_anyway, give_back, mark_refunded
from server.usecases.payment_facts import payer_of
from server.usecases.payments import page_of_payments, read_payment, start_payment, watch_payment
from server.usecases.settle_payments import hear_of_payment, look_within
from server.web.access import Who
from server.web.answers import json_answer
from server.web.api.listing import listed
from server.web.api.managed import editor_of
from server.web.bodies import read_signed
from server.web.keys import CALLER, CORE, METHODS, SETTINGS
from server.web.pages.paid import paid_page
from server.web.route import SIGNED, Handler, Route, body_of, query_of
from server.web.shapes.payments import (
    ManagedPayment,
    NewPayment,
    PaymentItem,
    PaymentOrder,
    PaymentPage,
    PaymentQuery,
    item_of,
    managed_payment,
    new_payment,
)

_PATIENCE_S = 5.0
"""So long Stripe waits for our answer while we look; what takes longer is for the worker."""


async def post_payment(request: web.Request) -> web.Response:
    """Begins a payment for a held time."""
    business, caller = request.match_info["business"], request[CALLER]
    started = await start_payment(
        request.app[CORE],
        request.app[METHODS],
        body_of(request, PaymentOrder).order(business, Actor.CUSTOMER, caller.stranger, caller.proof),
        hold_s=request.app[SETTINGS].payment.hold_s,
        return_to=paid_page(request),
    )
    return json_answer(new_payment(started), status=201)


async def get_payment(request: web.Request) -> web.Response:
    """What became of it."""
    payment = await watch_payment(request.app[CORE], request.app[METHODS], _uid(request.match_info["token"]))
    return json_answer(item_of(payment))


async def get_payments(request: web.Request) -> web.Response:
    """Payments of the business, the oldest first."""
    status = query_of(request, PaymentQuery).status

    async def fetch(core: Core, business_id: int, *, after: int | None, limit: int) -> tuple[list[Payment], int | None]:
        return await page_of_payments(core, business_id, status=status, after=after, limit=limit)

    return await listed(request, fetch, PaymentPage, lambda payment: _managed(request, payment))


async def get_managed_payment(request: web.Request) -> web.Response:
    """One payment of the business."""
    uid = _uid(request.match_info["id"])
    payment = await read_payment(request.app[CORE], uid, business_id=request[CALLER].business_id)
    return json_answer(_managed(request, payment))


def _deciding(decide: Callable[[Core, Editor, UUID], Awaitable[Payment]]) -> Handler:
    """What a person decides about a payment that waits for one."""

    async def handle(request: web.Request) -> web.Response:
        payment = await decide(request.app[CORE], editor_of(request), _uid(request.match_info["id"]))
        return json_answer(_managed(request, payment))

    return handle


async def receive_stripe_event(request: web.Request) -> web.Response:
    """A call of Stripe: written down, looked at if that is quick, and answered with 204 even if it is not ours."""
    settings = request.app[SETTINGS].payment
    secret, key = settings.stripe_webhook_secret, settings.stripe_key
    if secret is None or key is None:
        raise NotFound(what="payment")
    signature = request.headers.get("Stripe-Signature", "")
    body = await read_signed(request, lambda body: is_from_stripe(body, signature, secret.get_secret_value()))
    heard = hear(body, livemode="_live_" in key.get_secret_value())
    if heard is not None:
        await _follow_up(request, heard)
    return web.Response(status=204)


async def _follow_up(request: web.Request, heard: Heard) -> None:
    core = request.app[CORE]
    payment = await hear_of_payment(core, heard.what, heard.remote_id)
    if payment is not None and heard.what != "disputed":
        await look_within(core, request.app[METHODS], payment, seconds=_PATIENCE_S)


def _managed(request: web.Request, payment: Payment) -> ManagedPayment:
    return managed_payment(payment, payer_of(request.app[CORE].vault, payment))


def _uid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(what="payment") from None


def payment_routes(base: str) -> list[Route]:
    """Begin, look, list, hear."""
    return [
        Route("POST", f"{base}/payments", Who.PUBLIC, post_payment, "Payments", "Pay for a held time, and book it",
              body=PaymentOrder, answers={201: NewPayment}, guarded=True),
        Route("GET", f"{base}/payments", Who.READ, get_payments, "Payments", "List payments",
              query=PaymentQuery, answers={200: PaymentPage}),
        Route("GET", f"{base}/payments/{{id}}", Who.READ, get_managed_payment, "Payments", "Read a payment",
              answers={200: ManagedPayment}),
        Route("POST", f"{base}/payments/{{id}}/book", Who.MANAGE, _deciding(book_anyway), "Payments",
              "Book what was paid differently than asked", answers={200: ManagedPayment}),
        Route("POST", f"{base}/payments/{{id}}/refund", Who.MANAGE, _deciding(give_back), "Payments",
              "Give a contested payment back, or try a refund again", answers={200: ManagedPayment}),
        Route("POST", f"{base}/payments/{{id}}/mark-refunded", Who.MANAGE, _deciding(mark_refunded), "Payments",
              "Say that a payment was returned by hand", answers={200: ManagedPayment}),
        Route("GET", "/v1/payments/{token}", Who.TOKEN, get_payment, "Payments", "What became of a payment",
              answers={200: PaymentItem}),
        Route("POST", "/v1/inbound/stripe", Who.PUBLIC, receive_stripe_event, "Inbound", "Stripe says what was paid",
              answers={204: None}, refuses=SIGNED),
    ]  # fmt: skip
