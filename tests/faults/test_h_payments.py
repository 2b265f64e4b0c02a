"""
Section H of the matrix: what a payment service says besides yes. Each quirk of the stand-in has its test.

Leaves the way on which everything works to `test_payments`.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from server.app import build_app
from server.payments import open_methods
from server.store.deliveries import backlog
from server.usecases.refunds import refund
from server.usecases.settle_payments import settle_due
from tests.paying import Client, Till
from tests.peers.stripe import Stripe, refusal, signed, stripe_account
from tests.peers.stripe_quirks import QUIRKS
from tests.world import World, settings_for

OWNER = "owner@example.com"


@pytest.fixture
async def stripe() -> AsyncIterator[Stripe]:
    async with stripe_account() as account:
        yield account


@pytest.fixture
async def till(
    own_database_url: str,
    redis_url: str,
    own_world: World,
    stripe: Stripe,
    aiohttp_client: Callable[..., Awaitable[Client]],
) -> Till:
    await own_world.service(price_minor=4800, payment="online", cancel_fee_minor=1000, change_window_min=0)
    await own_world.sql("UPDATE businesses SET email = $1", OWNER)
    app = build_app(settings_for(own_database_url, redis_url, payment=stripe.settings))
    return Till(await aiohttp_client(app), own_world, stripe)


def test_every_quirk_has_a_source_and_a_test() -> None:
    tested = set(re.findall(r"def test_H\d+_quirk_(\w+?)__", Path(__file__).read_text()))

    assert tested == set(QUIRKS)
    assert all(source.startswith("https://") and does for source, does in QUIRKS.values())


# Beginning to pay


async def test_H77_quirk_expires_at_too_soon__a_session_lives_longer_than_half_an_hour(till: Till) -> None:
    """The stand-in refuses what Stripe refuses; the hold of these settings is ten minutes."""
    begun = await till.begin()

    assert begun["status"] == "open"


@pytest.mark.parametrize("code", ["amount_too_small", "currency_not_supported", "account_invalid"])
async def test_H77_quirk_amount_too_small__is_a_clear_no_the_owner_is_told_and_the_time_let_go(
    till: Till, code: str
) -> None:
    till.stripe.refuse["create"] = refusal(400, code, "Stripe's own words")

    problem = await till.begin(status=409)

    assert problem["type"] == "/problems/payment-refused"
    assert "Stripe" not in problem["detail"]
    assert (await till.statuses(), await till.trouble()) == (["failed"], f"Stripe's own words ({code})")
    assert await till.mails() == [("payment_failed", OWNER)]
    assert await till.world.sql("SELECT 1 FROM holds") == []


async def test_H77_quirk_not_a_multiple__what_is_charged_is_in_stripes_own_unit(till: Till) -> None:
    await till.world.sql("UPDATE businesses SET currency = 'ISK'")
    await till.world.sql("UPDATE services SET price_minor = 9000")

    begun = await till.begin()

    assert (till.stripe.session["amount_total"], begun["amount_minor"]) == (900_000, 9000)
    till.stripe.pay()
    await till.told()
    assert await till.statuses() == ["booked"]


async def test_H77_quirk_email_invalid__is_said_at_the_field_and_the_time_stays(till: Till) -> None:
    problem = await till.begin(status=422, email="robin@nowhere.invalid")

    assert [each["pointer"] for each in problem["errors"]] == ["/customer/email"]
    assert await till.mails() == [], "it is the customer who can do something about it"
    assert len(await till.world.sql("SELECT 1 FROM holds")) == 1


async def test_H77_quirk_rate_limited__is_a_moment_to_wait_as_long_as_stripe_says(till: Till) -> None:
    till.stripe.refuse["create"] = refusal(429, "rate_limit")
    till.stripe.headers = {"Retry-After": "17"}
    held = await till.world.hold(till.world.at(10))
    order = {**till.world.order_json(till.world.at(10)), "hold": held.token}

    answer = await till.client.post(f"{till.base}/payments", json=order)

    assert (answer.status, answer.headers["Retry-After"]) == (503, "17")
    assert await till.mails() == []
    assert len(await till.world.sql("SELECT 1 FROM holds")) == 1


async def test_H77_quirk_wrong_key__is_no_trouble_of_the_customers(till: Till) -> None:
    till.stripe.refuse["create"] = refusal(401, "", "Expired API Key provided")

    await till.begin(status=503)

    assert await till.statuses() == ["expired"]


async def test_H77_quirk_unknown_outcome__is_asked_again_with_the_same_key(till: Till) -> None:
    till.stripe.breaks.add("create")

    begun = await till.begin()

    assert till.stripe.calls == ["create", "create"]
    assert begun["checkout_url"] == till.stripe.session["url"], "there is one session, and the customer is sent to it"


async def test_H77_quirk_stored_error__another_press_has_another_key(till: Till) -> None:
    till.stripe.refuse["create"] = refusal(500, "")
    await till.begin(status=503)
    till.stripe.refuse.clear()

    await till.begin(hour=11)

    assert await till.statuses() == ["expired", "open"]


async def test_H77_quirk_key_with_other_parameters__two_payments_never_share_one(till: Till) -> None:
    for hour in (10, 11):
        await till.begin(hour=hour)

    assert len({key for key in till.stripe.stored if key.startswith("open-")}) == 2


# Finding out


async def test_H77_money_that_comes_after_the_hold_is_found_without_a_call(till: Till) -> None:
    """The customer was in 3-D Secure when the hold ended; nobody calls us."""
    await till.begin()
    till.stripe.refuse["expire"] = refusal(400, "", "Only Checkout Sessions with a status in [open]")
    await till.run_out()
    await till.look()
    assert await till.statuses() == ["open"], "the session is not over, so neither are we"
    till.stripe.pay()

    await till.look()

    assert (await till.statuses(), await till.appointments()) == (["booked"], 1)


async def test_H77_a_session_ends_with_the_hold_that_ran_out(till: Till) -> None:
    await till.begin()
    await till.run_out()

    await till.look()

    assert (till.stripe.session["status"], await till.statuses()) == ("expired", ["expired"])
    assert await till.facts() == []


async def test_H77_a_session_ends_with_a_hold_that_was_let_go(till: Till) -> None:
    await till.begin()
    await till.world.sql("DELETE FROM holds")

    await settle_due(till.world.core, open_methods(till.stripe.settings))

    assert (till.stripe.session["status"], await till.statuses()) == ("expired", ["expired"])


async def test_H77_a_customer_who_comes_back_is_enough_to_look(till: Till) -> None:
    """No webhook is set up, or its endpoint was disabled."""
    begun = await till.begin()
    till.stripe.pay()

    seen = await (await till.client.get(f"/v1/payments/{begun['id']}")).json()

    assert (seen["status"], await till.appointments()) == ("booked", 1)


async def test_H77_whoever_asks_all_the_time_makes_us_ask_once(till: Till) -> None:
    begun = await till.begin()

    for _ in range(5):
        await till.client.get(f"/v1/payments/{begun['id']}")

    assert till.stripe.calls.count("retrieve") == 1


async def test_H77_quirk_expire_of_a_complete_session__what_was_paid_at_the_last_moment_is_booked(till: Till) -> None:
    await till.begin()
    await till.run_out()
    till.stripe.before["expire"] = till.stripe.pay

    await till.look()

    assert (await till.statuses(), await till.appointments()) == (["booked"], 1)


async def test_H77_quirk_delayed_payment__waits_for_its_bank_and_is_booked(till: Till) -> None:
    begun = await till.begin()
    till.stripe.pay(at_once=False)
    await till.told()
    assert (await till.statuses(), await till.appointments()) == (["processing"], 0)
    page = await (await till.client.get(f"/book/{till.world.slug}/paid/{begun['id']}")).text()
    assert "Your payment is being checked" in page

    till.stripe.pay()
    assert await till.tell("checkout.session.async_payment_succeeded", {"id": till.stripe.session["id"]}) == 204

    assert (await till.statuses(), await till.appointments()) == (["booked"], 1)


async def test_H77_quirk_delayed_payment__that_fails_has_an_end(till: Till) -> None:
    await till.begin()
    till.stripe.pay(at_once=False)
    await till.told()
    till.stripe.session["payment_intent"]["status"] = "requires_payment_method"

    assert await till.tell("checkout.session.async_payment_failed", {"id": till.stripe.session["id"]}) == 204

    assert (await till.statuses(), await till.facts()) == (["failed"], ["payment.failed"])


async def test_H77_an_expired_session_is_heard_of_at_once(till: Till) -> None:
    await till.begin()
    till.stripe.session["status"] = "expired"

    assert await till.tell("checkout.session.expired", {"id": till.stripe.session["id"]}) == 204

    assert await till.statuses() == ["expired"]


async def test_H77_quirk_resource_missing__ends_what_another_key_began_and_holds_up_nobody(till: Till) -> None:
    await till.begin(hour=10)
    first = next(iter(till.stripe.sessions))
    await till.begin(hour=14)
    del till.stripe.sessions[first]
    till.stripe.pay()

    await till.look()

    assert await till.statuses() == ["failed", "booked"]
    assert await till.mails() == [("payment_failed", OWNER)]


async def test_H77_one_order_that_cannot_be_read_holds_up_nobody_and_its_money_waits_for_a_person(till: Till) -> None:
    begun = await till.begin(hour=10)
    till.stripe.pay()
    await till.world.sql("UPDATE payments SET order_sealed = ''")

    await till.look()

    assert (await till.statuses(), await till.facts()) == (["contested"], ["payment.contested"])
    assert "cannot be read" in await till.trouble()
    assert (await till.client.get(f"/book/{till.world.slug}/paid/{begun['id']}")).status == 200
    await till.decide(begun, "book", status=409)
    await till.decide(begun, "refund")
    assert await till.work() == [("sent", 1, "returned")]


# Paid, but not as asked


@pytest.mark.parametrize("wrong", [{"amount_total": 5712}, {"currency": "usd"}, {"client_reference_id": "other"}])
async def test_H82_quirk_another_amount__waits_for_the_owner_who_is_told(till: Till, wrong: dict[str, Any]) -> None:
    begun = await till.begin()
    till.stripe.pay()
    till.stripe.session.update(wrong)

    await till.told()
    await till.look()

    assert (await till.statuses(), await till.appointments()) == (["contested"], 0)
    assert await till.mails() == [("payment_contested", OWNER)]
    page = await (await till.client.get(f"/book/{till.world.slug}/paid/{begun['id']}")).text()
    assert "We need to check your payment" in page


async def test_H82_what_is_contested_can_be_booked_anyway_and_comes_back_whole_when_cancelled(till: Till) -> None:
    begun = await till.begin()
    till.stripe.pay()
    till.stripe.session.update(amount_total=5712)
    await till.told()

    booked = await till.decide(begun, "book")

    assert (booked["status"], booked["paid_minor"], await till.appointments()) == ("booked", 5712, 1)
    await till.decide(begun, "book", status=409)
    await till.cancel()
    await till.work()
    assert till.stripe.refunded == [5712]


async def test_H82_what_is_contested_can_be_given_back_all_of_it(till: Till) -> None:
    begun = await till.begin()
    till.stripe.pay()
    till.stripe.session.update(amount_total=5712)
    await till.told()

    await till.decide(begun, "refund")

    assert await till.work() == [("sent", 1, "returned")]
    assert till.stripe.refunded == [5712]
    audit = await till.world.sql("SELECT changes FROM audit_entries WHERE subject = 'payment'")
    assert [row["changes"]["status"]["to"] for row in audit] == ["returning"]


# Giving back


async def test_H82_quirk_charge_already_refunded__counts_as_returned(till: Till) -> None:
    await till.pay()
    await till.cancel()
    till.stripe.refuse["refund"] = refusal(400, "charge_already_refunded", "Charge has already been refunded.")

    assert await till.work(times=3) == [("sent", 1, "returned it was refunded at Stripe before")]
    assert (await till.statuses(), till.stripe.calls.count("refund")) == (["returned"], 1)


async def test_H77_quirk_charge_disputed__ends_at_once_and_is_for_a_person(till: Till) -> None:
    begun = await till.pay()
    await till.cancel()
    till.stripe.refuse["refund"] = refusal(400, "charge_disputed", "The bank has it already.")

    assert await till.work(times=3) == [("dead", 1, "The bank has it already. (charge_disputed)")]

    assert (till.stripe.calls.count("refund"), await till.statuses()) == (1, ["refund_failed"])
    assert await till.mails() == [("payment_refund_failed", OWNER)]
    marked = await till.decide(begun, "mark-refunded")
    assert marked["status"] == "returned"
    await till.decide(begun, "mark-refunded", status=409)


async def test_H77_a_refund_while_stripe_is_away_has_a_backoff_a_count_and_an_end(till: Till) -> None:
    await till.pay()
    await till.cancel()
    till.stripe.down = True

    ((state, tries, detail),) = await till.work(times=3)
    assert (state, tries) == ("retrying", 3)
    assert "database" not in detail
    assert await till.statuses() == ["returning"]

    ((state, tries, _),) = await till.work(times=15)
    assert (state, tries, await till.statuses()) == ("dead", 18, ["refund_failed"])
    assert await till.mails() == [("payment_refund_failed", OWNER)]


async def test_H77_a_dead_refund_that_is_sent_again_is_made_once(till: Till) -> None:
    await till.pay()
    await till.cancel()
    till.stripe.refuse["refund"] = refusal(403, "", "The key may not do that.")
    await till.work()
    till.stripe.refuse.clear()
    await till.world.sql("UPDATE deliveries SET state = 'queued', finished_at = NULL WHERE channel = 'refund'")

    assert [state for state, *_ in await till.work(times=2)] == ["sent"]

    assert (await till.statuses(), till.stripe.refunded) == (["returned"], [4800])


async def test_H77_quirk_forgotten_key__the_same_refund_is_not_made_twice(till: Till) -> None:
    """A partial refund whose answer was lost, tried again after more than a day."""
    await till.pay()
    await till.cancel()
    await till.world.sql("UPDATE payments SET return_minor = 2300")
    till.stripe.breaks.add("refund")
    await till.work()
    till.stripe.breaks.clear()
    till.stripe.forget_keys()

    await till.work()

    assert (till.stripe.refunded, await till.statuses()) == ([2300], ["returned"])


async def test_H82_quirk_refund_pending__is_not_done_until_it_is(till: Till) -> None:
    await till.pay()
    await till.cancel()
    till.stripe.refund_status = "pending"
    await till.work()
    assert await till.statuses() == ["refund_pending"]
    (made,) = till.stripe.refunds.values()
    made["status"] = "succeeded"

    assert await till.tell("refund.updated", {"id": made["id"]}) == 204

    assert await till.statuses() == ["returned"]
    assert await till.facts() == ["payment.returning", "payment.refund_pending", "payment.returned"]


async def test_H82_a_refund_without_an_appointment_is_one_mail_pending_or_not(till: Till) -> None:
    await till.begin()
    await till.run_out()
    await till.world.sql("UPDATE services SET payment = 'on_site'")
    await till.world.book(till.world.at(10))
    till.stripe.pay()
    await till.told()
    till.stripe.refund_status = "pending"
    await till.work()
    next(iter(till.stripe.refunds.values()))["status"] = "succeeded"
    await till.look()

    assert (await till.statuses(), await till.mails()) == (["returned"], [("payment_returned", "robin@example.com")])
    (fact,) = await till.world.sql("SELECT payload FROM outbox WHERE kind = 'payment.returned'")
    assert fact["payload"]["end"] > fact["payload"]["start"]


async def test_H82_quirk_refund_failed_at_once__is_for_a_person_and_can_be_tried_again(till: Till) -> None:
    begun = await till.pay()
    await till.cancel()
    till.stripe.refund_status = "failed"
    await till.work()
    assert (await till.statuses(), await till.trouble()) == (["refund_failed"], "lost_or_stolen_card")
    assert await till.mails() == [("payment_refund_failed", OWNER)]
    till.stripe.refund_status = "succeeded"

    await till.decide(begun, "refund")
    await till.work()

    assert (await till.statuses(), till.stripe.refunded) == (["returned"], [4800])


async def test_H82_quirk_refund_failed_later__days_after_it_had_succeeded_is_told(till: Till) -> None:
    await till.pay()
    await till.cancel()
    await till.work()
    assert await till.statuses() == ["returned"]
    (made,) = till.stripe.refunds.values()
    made.update(status="failed", failure_reason="expired_or_canceled_card")

    assert await till.tell("refund.failed", {"id": made["id"]}) == 204

    assert await till.statuses() == ["refund_failed"]
    assert await till.mails() == [("payment_refund_failed", OWNER)]


# Calls


async def test_H82_quirk_events_of_others__are_answered_with_204_and_change_nothing(till: Till) -> None:
    await till.begin()

    for kind, about in (
        ("checkout.session.completed", {"id": "cs_of_another_shop"}),
        ("refund.failed", {"id": "re_of_another_shop"}),
        ("charge.dispute.created", {"id": "dp_1", "payment_intent": "pi_of_another_shop"}),
        ("invoice.paid", {"id": "in_1"}),
    ):
        assert await till.tell(kind, about) == 204

    assert (await till.statuses(), till.stripe.calls) == (["open"], ["create"])


async def test_H82_quirk_test_events_at_a_live_endpoint__are_not_about_us(till: Till) -> None:
    await till.begin()
    till.stripe.pay()

    answered = await till.tell("checkout.session.completed", {"id": till.stripe.session["id"]}, livemode=True)

    assert (answered, await till.statuses()) == (204, ["open"])


async def test_H82_quirk_several_signatures__one_right_one_is_enough(till: Till) -> None:
    await till.begin()
    till.stripe.pay()
    body = orjson.dumps(
        {"type": "checkout.session.completed", "livemode": False, "data": {"object": {"id": till.stripe.session["id"]}}}
    )

    answer = await till.client.post("/v1/inbound/stripe", data=body, headers=signed(body, others=2))

    assert (answer.status, await till.statuses()) == (204, ["booked"])


async def test_H82_quirk_dispute__is_told_once_and_changes_nothing(till: Till) -> None:
    await till.pay()
    dispute = {"id": "dp_1", "payment_intent": till.stripe.session["payment_intent"]["id"]}

    for _ in range(2):
        assert await till.tell("charge.dispute.created", dispute) == 204

    assert (await till.statuses(), await till.facts()) == (["booked"], ["payment.disputed"])
    assert await till.mails() == [("payment_disputed", OWNER)]


async def test_H77_a_call_while_stripe_is_away_is_answered_and_followed_up(till: Till) -> None:
    await till.begin()
    till.stripe.pay()
    till.stripe.down = True
    await till.told()
    assert await till.statuses() == ["open"]
    till.stripe.down = False

    await till.look()

    assert (await till.statuses(), await till.appointments()) == (["booked"], 1)


async def test_H77_a_payment_whose_provider_was_switched_off_has_an_end(till: Till) -> None:
    await till.begin()
    await till.world.sql("UPDATE payments SET updated_at = clock_timestamp() - interval '3 days'")
    without = till.stripe.settings.model_copy(update={"stripe_key": None})
    await till.world.sql("UPDATE payments SET next_look_at = clock_timestamp()")

    await settle_due(till.world.core, open_methods(without))

    assert (await till.statuses(), await till.facts()) == (["failed"], ["payment.failed"])


async def test_I84_the_payments_of_a_business_are_read_with_what_is_wrong(till: Till) -> None:
    begun = await till.begin()
    till.stripe.pay()
    till.stripe.session.update(amount_total=5712)
    await till.told()
    await till.begin(hour=11)

    answer = await till.client.get(f"{till.base}/payments?status=contested", headers=till.world.auth)
    (item,) = (await answer.json())["items"]

    assert (item["id"], item["status"], item["paid_minor"]) == (begun["id"], "contested", 5712)
    assert "amount" in item["trouble"]
    assert (item["customer_name"], item["customer_email"]) == ("Robin Example", "robin@example.com")
    one = await till.client.get(f"{till.base}/payments/{begun['id']}", headers=till.world.auth)
    assert (await one.json()) == item
    public = await (await till.client.get(f"/v1/payments/{begun['id']}")).json()
    assert not {"trouble", "customer_email"} & public.keys()


async def test_a_refund_of_nothing_asks_nobody(till: Till) -> None:
    begun = await till.pay()
    await till.cancel()
    await till.world.sql("UPDATE payments SET return_minor = 0")
    asked = len(till.stripe.calls)

    done = await refund(till.world.core, open_methods(till.stripe.settings), till.world.business_id, UUID(begun["id"]))

    assert (done, len(till.stripe.calls)) == ("nothing to return", asked)


async def test_H77_what_waits_for_a_person_can_be_alarmed_on(till: Till) -> None:
    async def stuck() -> int:
        async with till.world.core.database.reading() as session:
            return (await backlog(session)).stuck_payments

    await till.pay()
    await till.cancel()
    assert await stuck() == 0
    await till.world.sql("UPDATE payments SET updated_at = clock_timestamp() - interval '2 hours'")
    assert await stuck() == 1
    till.stripe.refuse["refund"] = refusal(400, "charge_disputed")
    await till.work()
    assert await stuck() == 1


async def test_H77_the_plain_form_says_that_paying_is_not_possible(till: Till) -> None:
    till.stripe.refuse["create"] = refusal(400, "account_invalid")

    sent = await till.client.post(
        f"/book/{till.world.slug}",
        params={"service": "cut", "start": till.world.at(10).isoformat()},
        data={"name": "Robin", "email": "robin@example.com", "key": "k" * 24, "timezone": "Europe/Berlin"},
    )

    assert sent.status == 409
    assert "This cannot be booked online. Please contact us." in await sent.text()
