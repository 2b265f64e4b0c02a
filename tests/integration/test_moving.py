"""Moving by customers, staff and calendars: who keeps which reminders, and what is no move at all."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.domain.appointment import Booked, Order
from server.domain.errors import IllegalTransition, NotFound
from server.domain.lifecycle import Actor, Status
from server.usecases.book import book
from server.usecases.cancel import cancel
from server.usecases.places import Target, target_of_staff, target_of_token
from server.usecases.reschedule import reschedule
from tests.world import World, no_key

RULES = '[{"offset_min": 1440, "channel": "mail", "recipient": "customer"}, {"offset_min": 60, "channel": "sms", "recipient": "customer"}]'  # noqa: E501


@pytest.fixture
async def texting(world: World) -> World:
    """Customers are reminded by mail and by text message."""
    await world.service("class", providers=["anna", "ben"], capacity=3)
    await world.sql("UPDATE services SET reminders = $2::text::jsonb WHERE business_id = $1", world.business_id, RULES)
    return world


async def booked(world: World, start: datetime, *, service: str = "cut", phone: str = "+4930123456") -> Booked:
    customer = replace(world.customer(), phone=phone)
    result = await book(world.core, Order(choice=world.choice(start, service=service), customer=customer), no_key())
    assert isinstance(result, Booked)
    return result


async def by(actor: Actor, world: World, place: Booked) -> Target:
    if actor is Actor.CUSTOMER:
        return await target_of_token(world.core, place.manage_token)
    return replace(await target_of_staff(world.core, world.business_id, place.appointment.uid), actor=actor)


async def planned(world: World) -> list[tuple[str, datetime]]:
    """Channel and moment of each planned reminder, by customer."""
    rows = await world.sql(
        "SELECT channel, due_at FROM reminders WHERE business_id = $1 AND status = 'planned'"
        " ORDER BY attendee_id, due_at",
        world.business_id,
    )
    return [(row["channel"], row["due_at"]) for row in rows]


def reminders_for(start: datetime) -> list[tuple[str, datetime]]:
    return [("mail", start - timedelta(days=1)), ("sms", start - timedelta(hours=1))]


@pytest.mark.parametrize("actor", [Actor.CUSTOMER, Actor.PROVIDER, Actor.CALENDAR])
async def test_M125_whoever_moves_an_appointment_its_customer_is_texted(texting: World, actor: Actor) -> None:
    place = await booked(texting, texting.at(10))

    await reschedule(texting.core, await by(actor, texting, place), texting.at(15), no_key())

    assert await planned(texting) == reminders_for(texting.at(15))


async def test_M125_everybody_in_a_class_that_is_moved_is_texted_who_has_a_number(texting: World) -> None:
    place = await booked(texting, texting.at(10), service="class")
    await booked(texting, texting.at(10), service="class")
    await booked(texting, texting.at(10), service="class", phone="")

    await reschedule(texting.core, await by(Actor.PROVIDER, texting, place), texting.at(15), no_key())

    both = reminders_for(texting.at(15))
    assert await planned(texting) == [*both, *both, both[0]]


async def test_M125_a_move_to_somebody_else_at_the_same_time_keeps_the_reminders(texting: World) -> None:
    await texting.service("other", providers=["anna", "ben"])
    await texting.sql(
        "UPDATE services SET reminders = $2::text::jsonb WHERE business_id = $1", texting.business_id, RULES
    )
    place = await booked(texting, texting.at(10), service="other")

    target = await by(Actor.PROVIDER, texting, place)
    moved = await reschedule(texting.core, target, texting.at(10), no_key(), provider="ben")

    assert (moved.provider, moved.sequence) == ("ben", 1)
    assert await planned(texting) == reminders_for(texting.at(10))


@pytest.mark.parametrize("service", ["cut", "class"])
async def test_M125_moved_away_and_back_again_the_reminders_are_there(texting: World, service: str) -> None:
    place = await booked(texting, texting.at(10), service=service)
    await booked(texting, texting.at(10), service="class") if service == "class" else None

    await reschedule(texting.core, await by(Actor.CUSTOMER, texting, place), texting.at(15), no_key())
    await reschedule(texting.core, await by(Actor.CUSTOMER, texting, place), texting.at(10), no_key())

    assert (await planned(texting))[:2] == reminders_for(texting.at(10))


@pytest.mark.parametrize("actor", [Actor.CUSTOMER, Actor.PROVIDER, Actor.CALENDAR])
@pytest.mark.parametrize("service", ["cut", "class"])
async def test_M125_a_move_to_the_same_time_is_no_move(texting: World, actor: Actor, service: str) -> None:
    place = await booked(texting, texting.at(10), service=service)
    before = await everything(texting)

    moved = await reschedule(texting.core, await by(actor, texting, place), texting.at(10), no_key())

    assert (moved.uid, moved.start, moved.sequence) == (place.appointment.uid, texting.at(10), 0)
    assert await everything(texting) == before


async def everything(world: World) -> list[Any]:
    """Whatever a move would change."""
    return [
        await world.sql(f"SELECT * FROM {table} WHERE business_id = $1 ORDER BY 1, 2", world.business_id)
        for table in ("appointments", "attendees", "claims", "reminders", "outbox", "transitions")
    ]


async def test_M125_a_cancelled_appointment_is_not_moved_to_where_it_was(texting: World) -> None:
    place = await booked(texting, texting.at(10))
    await cancel(texting.core, await by(Actor.CUSTOMER, texting, place), no_key())

    with pytest.raises(IllegalTransition):
        await reschedule(texting.core, await by(Actor.CUSTOMER, texting, place), texting.at(10), no_key())


async def test_M125_a_move_to_the_same_time_is_answered_as_it_is_and_once_per_key(
    client: TestClient[Any, Any], texting: World
) -> None:
    place = await booked(texting, texting.at(10))
    path = f"/v1/appointments/{place.manage_token}/reschedule"
    first = {"Idempotency-Key": "there-already-0001"}

    async def move(hour: int, headers: dict[str, str] | None = None) -> dict[str, Any]:
        answer = await client.post(path, json={"start": texting.at(hour).isoformat()}, headers=headers)
        assert answer.status == 200, await answer.text()
        body: dict[str, Any] = await answer.json()
        return body

    stayed = await move(10, first)
    assert (stayed["status"], stayed["sequence"]) == (Status.CONFIRMED, 0)
    await move(15)
    # The first request again: it has been answered, and must not move anything back.
    assert await move(10, first) == stayed
    [row] = await texting.sql("SELECT starts_at FROM appointments WHERE business_id = $1", texting.business_id)
    assert row["starts_at"] == texting.at(15)


RETIRED = {
    "service": "UPDATE services SET active = false WHERE business_id = $1 AND slug = 'cut'",
    "provider": "UPDATE providers SET active = false WHERE business_id = $1 AND slug = 'anna'",
    "location": "UPDATE locations SET active = false WHERE business_id = $1",
    "offer": "DELETE FROM provider_services ps USING providers p WHERE ps.business_id = $1 AND p.id = ps.provider_id"
    " AND p.slug = 'anna'",
}


@pytest.mark.parametrize("what", RETIRED)
async def test_what_is_not_offered_any_more_is_cancelled_but_not_moved(
    client: TestClient[Any, Any], world: World, what: str
) -> None:
    place = await booked(world, world.at(10))
    path = f"/v1/appointments/{place.manage_token}"
    before = (await (await client.get(path)).json())["policy"]
    await world.sql(RETIRED[what], world.business_id)

    policy = (await (await client.get(path)).json())["policy"]
    refused = await client.post(f"{path}/reschedule", json={"start": world.at(15).isoformat()})
    problem = await refused.json()
    cancelled = await client.post(f"{path}/cancel")

    assert (before["can_reschedule"], before["unmovable"]) == (True, None)
    assert (policy["can_reschedule"], policy["unmovable"], policy["can_cancel"]) == (False, "not-offered", True)
    assert (refused.status, problem["type"], problem["what"]) == (409, "/problems/no-longer-offered", what)
    assert ("any more" in problem["detail"]) == (what != "offer"), "another provider may offer it"
    assert "cancel" in problem["detail"]
    assert cancelled.status == 200


@pytest.mark.parametrize("what", ["provider", "offer"])
async def test_staff_moves_what_a_provider_does_not_offer_any_more_to_another(world: World, what: str) -> None:
    await world.service("other", providers=["anna", "ben"])
    place = await booked(world, world.at(10), service="other")
    await world.sql(RETIRED[what], world.business_id)

    target = await by(Actor.PROVIDER, world, place)
    moved = await reschedule(world.core, target, world.at(10), no_key(), provider="ben")

    assert (moved.provider, moved.start) == ("ben", world.at(10))
    assert await world.doubles() == 0


async def test_a_provider_who_does_not_exist_is_not_found(world: World) -> None:
    place = await booked(world, world.at(10))

    with pytest.raises(NotFound):
        await reschedule(world.core, await by(Actor.PROVIDER, world, place), world.at(11), no_key(), provider="nobody")


async def test_two_places_under_one_address_stand_by_themselves(client: TestClient[Any, Any], texting: World) -> None:
    """A parent books two children: an address is where mails go, and no identity."""
    first, second = [await texting.book(texting.at(10), service="class", email="parent@example.org") for _ in range(2)]

    await cancel(texting.core, await by(Actor.CUSTOMER, texting, first), no_key())

    there = await (await client.get(f"/v1/appointments/{second.manage_token}")).json()
    gone = await (await client.get(f"/v1/appointments/{first.manage_token}")).json()
    assert (there["status"], gone["status"]) == ("confirmed", "cancelled")
    [row] = await texting.sql("SELECT seats_taken FROM appointments WHERE uid = $1", first.appointment.uid)
    assert row["seats_taken"] == 1
