"""Holding, booking, moving and cancelling, one step after the other, on the real database."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from aiohttp.test_utils import TestClient

from server.domain.appointment import Appointment, Order
from server.domain.errors import (
    DetailsMissing,
    IllegalTransition,
    LimitReached,
    NotFound,
    NotOffered,
    PolicyClosed,
    SlotTaken,
    TooEarly,
)
from server.domain.lifecycle import Actor, Status, Step
from server.usecases.book import book
from server.usecases.cancel import cancel
from server.usecases.decide import decide
from server.usecases.hold import release
from server.usecases.places import target_of_staff, target_of_token, view
from server.usecases.reschedule import reschedule
from tests.world import World, no_key


async def test_a_booking_takes_its_time_and_no_more(world: World) -> None:
    await world.book(world.at(10))

    with pytest.raises(SlotTaken):
        await world.book(world.at(10))
    await world.book(world.at(10, 30))


async def test_a_refusal_offers_the_nearest_times_that_are_free(world: World) -> None:
    await world.book(world.at(10))

    with pytest.raises(SlotTaken) as refused:
        await world.book(world.at(10))

    starts = [start for start, _, _ in refused.value.alternatives]
    assert starts[:2] == [int(world.at(9, 30).timestamp()), int(world.at(10, 30).timestamp())]


async def test_a_time_outside_the_hours_is_refused_with_the_reason(world: World) -> None:
    with pytest.raises(NotOffered) as refused:
        await world.book(world.at(7))

    assert [rule for rule, _ in refused.value.reasons] == ["hours"]


async def test_buffers_keep_their_distance_on_both_sides(world: World) -> None:
    await world.service("massage", providers=["anna"], buffer_before_min=30, buffer_after_min=30)
    await world.book(world.at(12), service="massage")

    for taken in (world.at(11, 30), world.at(12, 30)):
        with pytest.raises(SlotTaken):
            await world.book(taken)
    await world.book(world.at(11))
    await world.book(world.at(13))


async def test_a_hold_keeps_others_out_and_lets_its_owner_in(world: World) -> None:
    held = await world.hold(world.at(10))

    with pytest.raises(SlotTaken):
        await world.book(world.at(10))
    booked = await world.book(world.at(10), held=held)
    assert booked.appointment.status is Status.CONFIRMED


async def test_a_hold_that_was_let_go_is_free_at_once(world: World) -> None:
    held = await world.hold(world.at(10))

    await release(world.core, held.token)

    await world.book(world.at(10))
    with pytest.raises(NotFound):
        await release(world.core, held.token)


async def test_a_hold_that_expired_does_not_block_a_booking(world: World) -> None:
    await world.hold(world.at(10))
    await world.sql("UPDATE claims SET expires_at = now() - interval '1 s' WHERE business_id = $1", world.business_id)
    await world.sql("UPDATE holds SET expires_at = now() - interval '1 s' WHERE business_id = $1", world.business_id)

    await world.book(world.at(10))

    assert await world.doubles() == 0


async def test_an_expired_hold_still_books_where_the_time_is_free(world: World) -> None:
    held = await world.hold(world.at(10))
    await world.sql("UPDATE claims SET expires_at = now() - interval '1 s' WHERE business_id = $1", world.business_id)
    await world.sql("UPDATE holds SET expires_at = now() - interval '1 s' WHERE business_id = $1", world.business_id)

    booked = await world.book(world.at(10), held=held)

    assert booked.appointment.status is Status.CONFIRMED


async def test_moving_frees_the_old_time_and_raises_the_sequence(world: World) -> None:
    booked = await world.book(world.at(10))
    target = await target_of_token(world.core, booked.manage_token)

    moved = await reschedule(world.core, target, world.at(14), no_key(200))

    assert (moved.start, moved.sequence) == (world.at(14), 1)
    await world.book(world.at(10))


async def test_moving_by_half_its_own_length_does_not_collide_with_itself(world: World) -> None:
    await world.service("long", providers=["anna"], duration_min=60)
    booked = await world.book(world.at(10), service="long")
    target = await target_of_token(world.core, booked.manage_token)

    moved = await reschedule(world.core, target, world.at(10, 30), no_key(200))

    assert moved.start == world.at(10, 30)


async def test_moving_to_a_taken_time_changes_nothing(world: World) -> None:
    booked = await world.book(world.at(10))
    await world.book(world.at(14))
    target = await target_of_token(world.core, booked.manage_token)

    with pytest.raises(SlotTaken):
        await reschedule(world.core, target, world.at(14), no_key(200))

    seen = await view(world.core, booked.manage_token)
    assert (seen.place.appointment.start, seen.place.appointment.sequence) == (world.at(10), 0)
    with pytest.raises(SlotTaken):
        await world.book(world.at(10))


async def test_moving_plans_the_reminders_anew(world: World) -> None:
    booked = await world.book(world.at(10))
    target = await target_of_token(world.core, booked.manage_token)

    await reschedule(world.core, target, world.at(14), no_key(200))

    rows = await world.sql(
        "SELECT status, due_at FROM reminders WHERE business_id = $1 ORDER BY due_at", world.business_id
    )
    planned = [row["due_at"] for row in rows if row["status"] == "planned"]
    assert planned == [world.at(14) - timedelta(hours=24), *[world.at(14) - timedelta(hours=1)] * 2]
    assert {row["due_at"] for row in rows if row["status"] == "dropped"} == {
        world.at(10) - timedelta(hours=24),
        world.at(10) - timedelta(hours=1),
    }


async def test_cancelling_frees_the_time_and_keeps_the_appointment(world: World) -> None:
    booked = await world.book(world.at(10))
    target = await target_of_token(world.core, booked.manage_token)

    await cancel(world.core, target, no_key(200), reason="ill")

    assert (await view(world.core, booked.manage_token)).place.appointment.status is Status.CANCELLED
    await world.book(world.at(10))
    log = await world.sql("SELECT to_status, actor, reason FROM transitions WHERE business_id = $1", world.business_id)
    assert ("cancelled", "customer", "ill") in [tuple(row) for row in log]


async def test_a_late_cancellation_quotes_its_fee_and_takes_it_only_when_accepted(world: World) -> None:
    await world.service("late", providers=["anna"], change_window_min=60 * 24 * 30, cancel_fee_minor=1500)
    booked = await world.book(world.at(10), service="late")
    target = await target_of_token(world.core, booked.manage_token)

    with pytest.raises(PolicyClosed) as refused:
        await cancel(world.core, target, no_key(200))
    done = await cancel(world.core, target, no_key(200), accepts_fee=True)

    assert refused.value.fee_minor == 1500
    assert done.fee_minor == 1500


async def test_staff_is_not_bound_by_the_window(world: World) -> None:
    await world.service("late", providers=["anna"], change_window_min=60 * 24 * 30)
    booked = await world.book(world.at(10), service="late")
    target = await target_of_staff(world.core, world.business_id, booked.appointment.uid)

    done = await cancel(world.core, target, no_key(200))

    assert (done.appointment.status, done.fee_minor) == (Status.CANCELLED, 0)


async def test_a_request_owns_its_time_until_it_is_declined(world: World) -> None:
    await world.service("asked", providers=["anna"], approval="manual")
    requested = await world.book(world.at(10), service="asked")
    assert requested.appointment.status is Status.PENDING
    with pytest.raises(SlotTaken):
        await world.book(world.at(10))
    target = await target_of_staff(world.core, world.business_id, requested.appointment.uid)

    await decide(world.core, target, Step.DECLINE, no_key(200))

    await world.book(world.at(10))
    with pytest.raises(IllegalTransition):
        await decide(world.core, target, Step.APPROVE, no_key(200))


async def test_staff_books_without_asking_itself_for_approval(world: World) -> None:
    await world.service("asked", providers=["anna"], approval="manual")

    booked = await world.book(world.at(10), service="asked", actor=Actor.PROVIDER)

    assert booked.appointment.status is Status.CONFIRMED


async def test_nobody_has_missed_an_appointment_that_has_not_begun(world: World) -> None:
    booked = await world.book(world.at(10))
    target = await target_of_staff(world.core, world.business_id, booked.appointment.uid)

    with pytest.raises(TooEarly) as refused:
        await decide(world.core, target, Step.MISS, no_key(200))
    assert refused.value.begins_at == world.at(10)


async def test_a_slip_at_the_front_desk_can_be_corrected(world: World) -> None:
    booked = await world.book(world.at(10))
    await world.sql(
        "UPDATE appointments SET starts_at = now() - interval '1 h', ends_at = now() WHERE business_id = $1",
        world.business_id,
    )
    target = await target_of_staff(world.core, world.business_id, booked.appointment.uid)

    missed = await decide(world.core, target, Step.MISS, no_key(200))
    target = await target_of_staff(world.core, world.business_id, booked.appointment.uid)
    came = await decide(world.core, target, Step.COMPLETE, no_key(200))

    assert (missed.status, came.status) == (Status.NO_SHOW, Status.COMPLETED)


async def test_whoever_is_free_is_the_one_with_fewest_bookings_that_day(world: World) -> None:
    await world.service("any", providers=["anna", "ben", "cleo"])
    first = [await world.book(world.at(10), service="any", provider=None) for _ in range(3)]
    await world.book(world.at(12), service="any", provider="ben")

    after_that = [await world.book(world.at(14), service="any", provider=None) for _ in range(2)]

    assert {b.appointment.provider for b in first} == {"anna", "ben", "cleo"}
    assert {b.appointment.provider for b in after_that} == {"anna", "cleo"}


async def test_a_customer_can_have_as_many_as_the_service_allows(world: World) -> None:
    await world.service("once", providers=["anna"], per_customer_limit=1)
    await world.book(world.at(10), service="once", email="one@example.com")

    with pytest.raises(LimitReached):
        await world.book(world.at(12), service="once", email="one@example.com")
    await world.book(world.at(12), service="once", email="two@example.com")


async def test_a_class_is_shared_until_it_is_full(world: World) -> None:
    await world.service("yoga", providers=["anna"], capacity=2, duration_min=60)
    one = await world.book(world.at(10), service="yoga")
    two = await world.book(world.at(10), service="yoga")

    with pytest.raises(SlotTaken):
        await world.book(world.at(10), service="yoga")
    assert one.appointment.uid == two.appointment.uid


async def test_a_class_goes_on_until_its_last_customer_leaves(world: World) -> None:
    await world.service("yoga", providers=["anna"], capacity=3, duration_min=60)
    one, two = [await world.book(world.at(10), service="yoga") for _ in range(2)]

    first = await cancel(world.core, await target_of_token(world.core, one.manage_token), no_key(200))
    second = await cancel(world.core, await target_of_token(world.core, two.manage_token), no_key(200))

    assert (first.appointment.status, second.appointment.status) == (Status.CONFIRMED, Status.CANCELLED)
    await world.book(world.at(10))


async def test_a_place_moves_from_one_class_to_another(world: World) -> None:
    await world.service("yoga", providers=["anna"], capacity=3, duration_min=60)
    one, two = [await world.book(world.at(10), service="yoga") for _ in range(2)]
    other = await world.book(world.at(14), service="yoga")

    moved = await reschedule(world.core, await target_of_token(world.core, one.manage_token), world.at(14), no_key(200))

    assert moved.uid == other.appointment.uid
    seats = await world.sql(
        "SELECT seats_taken FROM appointments WHERE business_id = $1 ORDER BY starts_at", world.business_id
    )
    assert [row[0] for row in seats] == [1, 2]
    assert (await view(world.core, two.manage_token)).place.appointment.start == world.at(10)


async def test_a_held_place_in_a_class_counts_as_taken(world: World) -> None:
    await world.service("yoga", providers=["anna"], capacity=2, duration_min=60)
    held = await world.hold(world.at(10), service="yoga")
    await world.book(world.at(10), service="yoga")

    with pytest.raises(SlotTaken):
        await world.book(world.at(10), service="yoga")
    booked = await world.book(world.at(10), service="yoga", held=held)

    assert booked.appointment.status is Status.CONFIRMED


async def test_a_class_that_was_only_held_gives_its_time_back(world: World) -> None:
    await world.service("yoga", providers=["anna"], capacity=2, duration_min=60)
    held = await world.hold(world.at(10), service="yoga")

    await release(world.core, held.token)

    await world.book(world.at(10))


async def test_a_service_takes_one_room_of_those_that_it_could_use(world: World) -> None:
    massage = await world.service("massage", providers=["anna", "ben", "cleo"])
    await world.room("east", massage)
    await world.room("west", massage)
    await world.book(world.at(10), service="massage", provider="anna")
    await world.book(world.at(10), service="massage", provider="ben")

    with pytest.raises(SlotTaken):
        await world.book(world.at(10), service="massage", provider="cleo")
    await world.book(world.at(10, 30), service="massage", provider="cleo")


async def test_a_daily_cap_counts_what_is_booked_that_day(world: World) -> None:
    await world.provider("dora", daily_cap=2)
    await world.service("few", providers=["dora"])
    await world.book(world.at(10), service="few", provider="dora")
    second = await world.book(world.at(11), service="few", provider="dora")

    with pytest.raises(SlotTaken):
        await world.book(world.at(12), service="few", provider="dora")
    moved = await reschedule(
        world.core, await target_of_token(world.core, second.manage_token), world.at(15), no_key(200)
    )

    assert moved.start == world.at(15)


async def test_a_service_gets_the_answers_that_it_asks_for_and_no_others(world: World) -> None:
    questions = [
        {"key": "people", "label": "How many?", "required": True},
        {"key": "note", "label": "Anything else?"},
        {"key": "cake", "label": "Cake?", "kind": "yes_no"},
        {"key": "where", "label": "Where?", "kind": "choice", "options": ["here", "there"]},
    ]
    await world.service("party", providers=["anna"], phone_required=True, questions=questions)
    choice = world.choice(world.at(10), service="party")

    async def order(phone: str, answers: dict[str, str], actor: Actor = Actor.CUSTOMER) -> list[str]:
        customer = replace(world.customer(), phone=phone)
        try:
            await book(world.core, Order(choice=choice, customer=customer, answers=answers, actor=actor), no_key())
        except DetailsMissing as refused:
            return [pointer for pointer, _ in refused.details]
        return []

    assert await order("", {}) == ["/customer/phone", "/answers/people"]
    assert await order("+493055501000", {"people": " "}) == ["/answers/people"]
    assert await order("+493055501000", {"people": "2", "role": "admin"}) == ["/answers/role"]
    assert await order("+493055501000", {"people": "2", "cake": "maybe", "where": "everywhere"}) == [
        "/answers/cake",
        "/answers/where",
    ]
    assert await order("+493055501000", {"people": "2", "cake": "yes", "where": "there"}) == []


async def test_what_was_booked_is_answered_as_its_row(world: World) -> None:
    await world.service("class", capacity=3)
    await world.book(world.at(10), service="class")
    await world.sql("UPDATE businesses SET name = 'Atelier Linde' WHERE id = $1", world.business_id)

    second = (await world.book(world.at(10), service="class")).appointment

    assert second == await find(world, second.uid)
    assert (second.business_name, second.seats_taken) == ("Atelier Linde", 2)


async def test_a_seat_that_was_moved_is_answered_as_its_row(world: World) -> None:
    await world.service("class", capacity=3)
    await world.book(world.at(15), service="class")
    mover = await world.book(world.at(10), service="class")

    target = await target_of_token(world.core, mover.manage_token)
    moved = await reschedule(world.core, target, world.at(15), no_key(200))

    assert moved == await find(world, moved.uid)


async def find(world: World, uid: UUID) -> Appointment:
    return (await target_of_staff(world.core, world.business_id, uid)).appointment


async def test_M124_a_request_is_put_into_no_calendar_before_it_is_approved(
    client: TestClient[Any, Any], world: World
) -> None:
    await world.service("bridal", approval="manual")

    answer = await client.post(
        f"/v1/businesses/{world.slug}/appointments", json=world.order_json(world.at(10), service="bridal")
    )

    asked = await answer.json()
    assert (asked["status"], asked["add_to_calendar"]) == ("pending", None)


async def test_links_for_calendars_carry_the_whole_title(client: TestClient[Any, Any], world: World) -> None:
    await world.sql("UPDATE businesses SET name = 'Atelier Linde' WHERE id = $1", world.business_id)

    answer = await client.post(f"/v1/businesses/{world.slug}/appointments", json=world.order_json(world.at(10)))

    links = (await answer.json())["add_to_calendar"]
    asked = {name: parse_qs(urlsplit(links[name]).query) for name in ("Google", "Outlook")}
    assert asked["Google"]["text"] == ["Cut, Atelier Linde"]
    assert asked["Outlook"]["subject"] == ["Cut, Atelier Linde"]
