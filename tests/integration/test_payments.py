"""Holding, paying and booking, with a local service that plays Stripe and checks what it is asked."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.payments import open_methods
from server.settings import PaymentSettings
from server.usecases.cancel import cancel
from server.usecases.places import target_of_token
from server.usecases.refunds import refund
from server.usecases.settle_payments import settle_due
from server.web.shapes.terms import TermsShape
from tests.peers.stripe import Stripe, event, stripe_account
from tests.world import World, no_key, settings_for

Client = TestClient[Any, Any]


@pytest.fixture
async def stripe() -> AsyncIterator[Stripe]:
    async with stripe_account() as account:
        yield account


@pytest.fixture
def payment(stripe: Stripe) -> PaymentSettings:
    return stripe.settings


@pytest.fixture
async def shop(
    own_database_url: str, redis_url: str, payment: PaymentSettings, aiohttp_client: Callable[..., Awaitable[Client]]
) -> Client:
    return await aiohttp_client(build_app(settings_for(own_database_url, redis_url, payment=payment)))


@pytest.fixture
async def world(own_world: World) -> World:
    await own_world.service(price_minor=4800, payment="online", cancel_fee_minor=1000, change_window_min=0)
    return own_world


async def begin(client: Client, world: World) -> dict[str, Any]:
    held = await world.hold(world.at(10))
    order = {**world.order_json(world.at(10)), "hold": held.token}
    response = await client.post(f"/v1/businesses/{world.slug}/payments", json=order)
    assert response.status == 201, await response.text()
    body: dict[str, Any] = await response.json()
    return body


async def pay(client: Client, stripe: Stripe) -> None:
    """The money has arrived, and Stripe says so."""
    stripe.pay()
    body, headers = event(stripe.session["id"])
    await client.post("/v1/inbound/stripe", data=body, headers=headers)


async def appointments(world: World) -> int:
    rows = await world.sql("SELECT count(*) FROM appointments WHERE status = 'confirmed'")
    return int(rows[0][0])


async def edit(world: World, **columns: int) -> None:
    """What the owner changes after something was shown."""
    for name, value in columns.items():
        await world.sql(f"UPDATE services SET {name} = $1", value)


async def status_of(world: World) -> list[str]:
    return [row["status"] for row in await world.sql("SELECT status FROM payments ORDER BY id")]


async def test_what_is_paid_is_booked_once_however_often_stripe_says_so(
    shop: Client, world: World, stripe: Stripe
) -> None:
    begun = await begin(shop, world)
    assert (begun["amount_minor"], begun["currency"], begun["status"]) == (4800, "EUR", "open")
    assert begun["checkout_url"] == stripe.session["url"]
    assert await appointments(world) == 0
    stripe.pay()
    body, headers = event(stripe.session["id"])
    answers = await asyncio.gather(*(shop.post("/v1/inbound/stripe", data=body, headers=headers) for _ in range(5)))
    assert {answer.status for answer in answers} <= {204, 503}
    assert await appointments(world) == 1
    assert await status_of(world) == ["booked"]
    seen = await (await shop.get(f"/v1/payments/{begun['id']}")).json()
    assert seen["status"] == "booked"
    assert seen["appointment"] is not None


async def test_I84_a_service_that_is_paid_online_is_not_had_without_paying(shop: Client, world: World) -> None:
    response = await shop.post(f"/v1/businesses/{world.slug}/appointments", json=world.order_json(world.at(10)))
    assert response.status == 402
    assert (await response.json())["type"] == "/problems/payment-required"
    order = {**world.order_json(world.at(10)), "hold": (await world.hold(world.at(10))).token, "amount_minor": 1}
    assert (await shop.post(f"/v1/businesses/{world.slug}/payments", json=order)).status == 422


async def test_H82_a_forged_call_changes_nothing(shop: Client, world: World, stripe: Stripe) -> None:
    await begin(shop, world)
    stripe.pay()
    session = stripe.session["id"]
    body, headers = event(session)
    for forged in ({}, event(session, secret="whsec_other")[1], event(session, at=time.time() - 900)[1]):
        assert (await shop.post("/v1/inbound/stripe", data=body, headers=forged)).status == 401
    assert (await shop.post("/v1/inbound/stripe", data=body + b" ", headers=headers)).status == 401
    assert await appointments(world) == 0


@pytest.mark.parametrize("wrong", [{"amount_total": 1}, {"currency": "jpy"}, {"client_reference_id": "other"}])
async def test_H82_amount_currency_and_reference_are_looked_at_again(
    shop: Client, world: World, stripe: Stripe, wrong: dict[str, Any]
) -> None:
    await begin(shop, world)
    stripe.pay()
    stripe.session.update(wrong)
    body, headers = event(stripe.session["id"])
    assert (await shop.post("/v1/inbound/stripe", data=body, headers=headers)).status == 204
    assert await appointments(world) == 0


async def test_H82_a_call_about_what_is_not_paid_books_nothing(shop: Client, world: World, stripe: Stripe) -> None:
    await begin(shop, world)
    body, headers = event(stripe.session["id"])
    assert (await shop.post("/v1/inbound/stripe", data=body, headers=headers)).status == 204
    assert await appointments(world) == 0


async def run_out(world: World) -> None:
    """The customer took too long to pay."""
    for table in ("holds", "claims"):
        await world.sql(f"UPDATE {table} SET expires_at = clock_timestamp() WHERE expires_at IS NOT NULL")


async def test_A15_who_pays_late_gets_the_time_if_nobody_took_it(shop: Client, world: World, stripe: Stripe) -> None:
    await begin(shop, world)
    await run_out(world)
    await pay(shop, stripe)
    assert (await appointments(world), await status_of(world)) == (1, ["booked"])


async def test_A15_who_pays_late_for_a_time_that_is_gone_gets_everything_back_once(
    shop: Client, world: World, stripe: Stripe, payment: PaymentSettings
) -> None:
    begun = await begin(shop, world)
    await run_out(world)
    await world.sql("UPDATE services SET payment = 'on_site'")
    await world.book(world.at(10))
    await pay(shop, stripe)
    assert await status_of(world) == ["returning"]
    for _ in range(2):
        await refund(world.core, open_methods(payment), world.business_id, UUID(begun["id"]))
    assert await status_of(world) == ["returned"]
    assert stripe.refunded == [4800]
    kinds = [row["kind"] for row in await world.sql("SELECT kind FROM outbox WHERE kind LIKE 'payment%' ORDER BY id")]
    assert kinds == ["payment.returning", "payment.returned"]
    assert await world.doubles() == 0


async def test_M125_a_paid_request_that_is_declined_is_paid_back(
    shop: Client, world: World, stripe: Stripe, payment: PaymentSettings
) -> None:
    await world.sql("UPDATE services SET approval = 'manual'")
    begun = await begin(shop, world)
    await pay(shop, stripe)
    [row] = await world.sql("SELECT uid, status FROM appointments")
    assert row["status"] == "pending"

    answer = await shop.post(f"/v1/businesses/{world.slug}/appointments/{row['uid']}/decline", headers=world.auth)

    assert (answer.status, await status_of(world)) == (200, ["returning"])
    await refund(world.core, open_methods(payment), world.business_id, UUID(begun["id"]))
    assert stripe.refunded == [4800]


async def test_a_cancelled_appointment_that_was_paid_is_paid_back(
    shop: Client, world: World, stripe: Stripe, payment: PaymentSettings
) -> None:
    begun = await begin(shop, world)
    await pay(shop, stripe)
    salt = (await world.sql("SELECT token_salt FROM attendees"))[0]["token_salt"]
    token = world.core.vault.new_manage_token(salt)
    await cancel(world.core, await target_of_token(world.core, token), no_key())
    assert await status_of(world) == ["returning"]
    await refund(world.core, open_methods(payment), world.business_id, UUID(begun["id"]))
    assert stripe.refunded == [4800]


async def test_a_payment_that_nobody_spoke_of_is_asked_about_when_its_time_is_over(
    shop: Client, world: World, stripe: Stripe, payment: PaymentSettings
) -> None:
    await begin(shop, world)
    stripe.pay()
    await world.sql("UPDATE payments SET next_look_at = clock_timestamp() - interval '1 min'")
    await settle_due(world.core, open_methods(payment))
    assert (await appointments(world), await status_of(world)) == (1, ["booked"])


async def test_a_provider_of_payments_that_is_away_is_503_and_the_hold_stays(
    shop: Client, world: World, stripe: Stripe
) -> None:
    stripe.down = True
    held = await world.hold(world.at(10))
    order = {**world.order_json(world.at(10)), "hold": held.token}
    response = await shop.post(f"/v1/businesses/{world.slug}/payments", json=order)
    assert response.status == 503
    assert "Retry-After" in response.headers
    assert (await world.sql("SELECT count(*) FROM holds"))[0][0] == 1


async def test_paying_at_the_counter_books_at_once(shop: Client, world: World) -> None:
    await world.sql("UPDATE services SET payment = 'on_site'")
    begun = await begin(shop, world)
    assert (begun["method"], begun["status"], begun["checkout_url"]) == ("on_site", "booked", None)
    assert await appointments(world) == 1


async def test_whoever_comes_back_from_paying_sees_what_became_of_it(
    shop: Client, stripe: Stripe, world: World, payment: PaymentSettings
) -> None:
    begun = await begin(shop, world)
    page = urlsplit(stripe.session["success_url"]).path
    assert page == f"/book/{world.slug}/paid/{begun['id']}"
    waiting = await (await shop.get(page, headers={"Accept-Language": "de"})).text()
    assert "Ihre Zahlung" in waiting
    assert stripe.session["url"] in waiting
    assert 'http-equiv="refresh"' in waiting
    assert await status_of(world) == ["open"], "looking changes nothing"

    await pay(shop, stripe)

    booked = await shop.get(page)
    text = await booked.text()
    assert "You are booked" in text
    assert 'http-equiv="refresh"' not in text
    assert booked.headers["Cache-Control"] == "no-store"
    assert (await shop.get(page.replace(world.slug, "another"))).status == 404
    assert (await shop.get(page + "0")).status == 404


async def test_whoever_did_not_pay_in_time_is_told_so(shop: Client, world: World, payment: PaymentSettings) -> None:
    await world.sql("UPDATE businesses SET theme = $2 WHERE id = $1", world.business_id, {"accent": "#aa3366"})
    begun = await begin(shop, world)
    await run_out(world)
    await world.sql("UPDATE payments SET next_look_at = clock_timestamp()")
    await settle_due(world.core, open_methods(payment))

    page = await (await shop.get(f"/book/{world.slug}/paid/{begun['id']}")).text()
    assert "Nothing was paid" in page
    assert "<style>:root{--brand:#aa3366;--on-brand:#ffffff}</style>" in page


async def test_without_javascript_the_plain_form_leads_to_paying(shop: Client, stripe: Stripe, world: World) -> None:
    start = world.at(10).isoformat()
    where = f"/book/{world.slug}"
    asked = await (await shop.get(where, params={"service": "cut", "start": start})).text()
    assert "Pay €48" in asked

    sent = await shop.post(
        where,
        params={"service": "cut", "start": start},
        data={"name": "Robin", "email": "robin@example.com", "key": "k" * 24, "timezone": "Europe/Berlin"},
        headers={"Accept-Language": "de-AT"},
        allow_redirects=False,
    )

    assert sent.status == 303
    page = await (await shop.get(urlsplit(sent.headers["Location"]).path)).text()
    assert stripe.session["url"] in page  # a browser follows no redirect from a form to another site
    await pay(shop, stripe)
    (row,) = await world.sql(
        "SELECT a.status, c.locale, c.timezone FROM appointments a JOIN attendees c"
        " ON c.business_id = a.business_id AND c.appointment_id = a.id WHERE a.business_id = $1",
        world.business_id,
    )
    assert tuple(row) == ("confirmed", "de-AT", "Europe/Berlin")


async def test_paying_pressed_twice_is_one_time_and_each_press_leads_to_a_page_that_pays(
    shop: Client, stripe: Stripe, world: World
) -> None:
    where, asked = f"/book/{world.slug}", {"service": "cut", "start": world.at(10).isoformat()}
    form = {"name": "Robin", "email": "robin@example.com", "key": "k" * 24, "timezone": "Europe/Berlin"}
    for _ in range(2):
        sent = await shop.post(where, params=asked, data=form, allow_redirects=False)
        assert sent.status == 303
        page = await (await shop.get(urlsplit(sent.headers["Location"]).path)).text()
        assert "Pay €48" in page

    assert len(await world.sql("SELECT 1 FROM holds")) == 1


async def test_where_nothing_can_be_paid_no_time_is_kept(
    own_database_url: str, redis_url: str, world: World, aiohttp_client: Callable[..., Awaitable[Client]]
) -> None:
    unpaid = await aiohttp_client(build_app(settings_for(own_database_url, redis_url)))

    sent = await unpaid.post(
        f"/book/{world.slug}",
        params={"service": "cut", "start": world.at(10).isoformat()},
        data={"name": "Robin", "email": "robin@example.com", "key": "k" * 24, "timezone": "Europe/Berlin"},
    )

    assert sent.status == 503
    assert await world.sql("SELECT 1 FROM holds") == []


async def test_a_paid_appointment_that_is_cancelled_says_so_and_what_comes_back(
    shop: Client, world: World, stripe: Stripe
) -> None:
    begun = await begin(shop, world)
    await pay(shop, stripe)
    salt = (await world.sql("SELECT token_salt FROM attendees"))[0]["token_salt"]
    await cancel(world.core, await target_of_token(world.core, world.core.vault.new_manage_token(salt)), no_key())

    page = await (await shop.get(f"/book/{world.slug}/paid/{begun['id']}")).text()

    assert "Your appointment is cancelled" in page
    assert "You get back €48." in page


@pytest.mark.parametrize("when", ["held", "paid late"])
async def test_M124_what_is_paid_is_what_was_shown_and_what_is_booked(
    shop: Client, world: World, stripe: Stripe, when: str
) -> None:
    held = await world.hold(world.at(10))
    await edit(world, price_minor=8000, duration_min=60, cancel_fee_minor=9000, change_window_min=9000)
    order = {**world.order_json(world.at(10)), "hold": held.token}
    begun = await (await shop.post(f"/v1/businesses/{world.slug}/payments", json=order)).json()
    await edit(world, price_minor=0)
    if when == "paid late":
        for table in ("holds", "claims"):
            await world.sql(f"UPDATE {table} SET expires_at = clock_timestamp() WHERE expires_at IS NOT NULL")
    await pay(shop, stripe)

    row = (await world.sql("SELECT *, ends_at - starts_at AS lasts FROM attendees t JOIN appointments a"
                           " ON a.id = t.appointment_id"))[0]  # fmt: skip
    assert (begun["amount_minor"], await status_of(world)) == (4800, ["booked"])
    assert (row["price_minor"], row["cancel_fee_minor"], row["change_window_min"]) == (4800, 1000, 0)
    assert row["lasts"] == timedelta(minutes=30)


async def test_M124_a_price_that_comes_after_the_hold_is_not_asked_for(shop: Client, world: World) -> None:
    await edit(world, price_minor=0)
    held = await world.hold(world.at(10))
    await edit(world, price_minor=8000)

    booked = await world.book(world.at(10), held=held)

    assert booked.terms.price_minor == 0


async def test_M124_paying_is_for_the_terms_of_the_hold(shop: Client, world: World) -> None:
    held = await world.hold(world.at(10))
    shown = TermsShape.of(replace(held.terms, price_minor=1)).model_dump(mode="json")
    order = {**world.order_json(world.at(10)), "hold": held.token, "terms": shown}

    refused = await shop.post(f"/v1/businesses/{world.slug}/payments", json=order)

    assert (refused.status, (await refused.json())["terms"]["price_minor"]) == (409, 4800)


@pytest.mark.parametrize("price", [1000, 9000])
async def test_M124_what_is_paid_is_not_moved_to_another_price(
    shop: Client, world: World, stripe: Stripe, price: int
) -> None:
    ben = await world.provider("ben")
    await world.sql(
        "INSERT INTO provider_services (business_id, provider_id, service_id, price_minor)"
        " SELECT business_id, $1, id, $2 FROM services",
        ben,
        price,
    )
    begun = await begin(shop, world)
    await pay(shop, stripe)
    uid = (await (await shop.get(f"/v1/payments/{begun['id']}")).json())["appointment"]
    salt = (await world.sql("SELECT token_salt FROM attendees"))[0][0]
    path = f"/v1/appointments/{world.core.vault.new_manage_token(salt)}/reschedule"
    order = {"start": world.at(14).isoformat(), "provider": "ben"}

    asked = await shop.post(path, json=order)
    refused = await shop.post(path, json={**order, "terms": (await asked.json())["terms"]})
    same = await shop.post(path, json={"start": world.at(14).isoformat()})

    assert (refused.status, (await refused.json())["type"]) == (409, "/problems/conflict")
    assert "is paid" in (await refused.json())["detail"]
    assert (same.status, (await same.json())["id"]) == (200, uid)


async def test_M124_what_a_customer_is_paying_for_counts_for_their_limit(
    shop: Client, world: World, stripe: Stripe
) -> None:
    await edit(world, per_customer_limit=1)
    orders = [
        {**world.order_json(world.at(hour)), "hold": (await world.hold(world.at(hour))).token} for hour in (10, 14)
    ]
    orders[1]["customer"] = orders[0]["customer"]
    path = f"/v1/businesses/{world.slug}/payments"

    first = await shop.post(path, json=orders[0])
    again = await shop.post(path, json=orders[0])
    second = await shop.post(path, json=orders[1])

    assert (first.status, again.status, second.status) == (201, 201, 409)
    assert (await second.json())["type"] == "/problems/customer-limit-reached"


async def test_M124_a_question_of_later_does_not_give_the_money_back(
    shop: Client, world: World, stripe: Stripe
) -> None:
    await begin(shop, world)
    await world.sql(
        "UPDATE services SET phone_required = true,"
        """ questions = '[{"key": "why", "label": "Why?", "kind": "text", "required": true, "options": []}]'"""
    )

    await pay(shop, stripe)

    assert await status_of(world) == ["booked"]
