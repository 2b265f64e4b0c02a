"""
Owns paying over HTTP: beginning a payment, looking at it, and hearing of it from Stripe.

Leaves what is paid to `usecases/payments`.
"""

from uuid import UUID

from aiohttp import web

from server.domain.errors import NotFound
from server.domain.lifecycle import Actor
from server.payments.stripe_checkout import is_from_stripe, paid_session
from server.usecases.payments import hear_of_payment, page_of_payments, read_payment, start_payment
from server.web.access import Who
from server.web.answers import json_answer
from server.web.api.listing import listed
from server.web.bodies import read_signed
from server.web.keys import CALLER, CORE, METHODS, SETTINGS
from server.web.pages.paid import paid_page
from server.web.route import SIGNED, Route, body_of
from server.web.shapes.drafts import PageQuery
from server.web.shapes.payments import (
    NewPayment,
    PaymentItem,
    PaymentOrder,
    PaymentPage,
    item_of,
    new_payment,
)


async def post_payment(request: web.Request) -> web.Response:
    """Begins a payment for a held time."""
    business = request.match_info["business"]
    started = await start_payment(
        request.app[CORE],
        request.app[METHODS],
        # The time is held: that has cost a proof already, where one is asked for.
        body_of(request, PaymentOrder).order(business, Actor.CUSTOMER, request[CALLER].stranger, None),
        hold_s=request.app[SETTINGS].payment.hold_s,
        return_to=paid_page(request),
    )
    return json_answer(new_payment(started), status=201)


async def get_payment(request: web.Request) -> web.Response:
    """What became of it."""
    try:
        uid = UUID(request.match_info["token"])
    except ValueError:
        raise NotFound(what="payment") from None
    return json_answer(item_of(await read_payment(request.app[CORE], uid)))


async def get_payments(request: web.Request) -> web.Response:
    """Payments of the business, the oldest first."""
    return await listed(request, page_of_payments, PaymentPage, item_of)


async def receive_stripe_event(request: web.Request) -> web.Response:
    """A call of Stripe: believed only so far that the payment is looked at."""
    secret = request.app[SETTINGS].payment.stripe_webhook_secret
    if secret is None:
        raise NotFound(what="payment")
    signature = request.headers.get("Stripe-Signature", "")
    body = await read_signed(request, lambda body: is_from_stripe(body, signature, secret.get_secret_value()))
    session = paid_session(body)
    if session is not None:
        await hear_of_payment(request.app[CORE], request.app[METHODS], session)
    return web.Response(status=204)


def payment_routes(base: str) -> list[Route]:
    """Begin, look, list, hear."""
    return [
        Route("POST", f"{base}/payments", Who.PUBLIC, post_payment, "Payments", "Pay for a held time, and book it",
              body=PaymentOrder, answers={201: NewPayment}),
        Route("GET", f"{base}/payments", Who.READ, get_payments, "Payments", "List payments",
              query=PageQuery, answers={200: PaymentPage}),
        Route("GET", "/v1/payments/{token}", Who.TOKEN, get_payment, "Payments", "What became of a payment",
              answers={200: PaymentItem}),
        Route("POST", "/v1/inbound/stripe", Who.PUBLIC, receive_stripe_event, "Inbound", "Stripe says what was paid",
              answers={204: None}, refuses=SIGNED),
    ]  # fmt: skip
