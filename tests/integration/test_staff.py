"""Staff breaks what is promised to customers, with a reason, and never what is taken: role x rule."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.tokens import new_api_key, token_hash
from server.usecases.places import target_of_staff
from server.usecases.reschedule import reschedule
from tests.world import World, no_key

Client = TestClient[Any, Any]
REASON = "Walk-in, in the chair already"


def soon(world: World) -> datetime:
    """A whole minute that is ahead, within the hour."""
    return now(world) + timedelta(minutes=30)


def now(world: World) -> datetime:
    return datetime.now(world.zone).replace(second=0, microsecond=0)


async def round_the_clock(world: World, **columns: Any) -> None:
    """Anna works day and night, and the service begins at any minute."""
    await world.sql("DELETE FROM working_hours WHERE business_id = $1", world.business_id)
    await world.sql(
        "INSERT INTO working_hours (business_id, provider_id, location_id, weekday, start_min, end_min)"
        " SELECT p.business_id, p.id, $2, d, 0, 1440 FROM providers p, generate_series(0, 6) d"
        " WHERE p.business_id = $1",
        world.business_id,
        world.location_id,
    )
    values = {"slot_step_min": 1, **columns}
    for name, value in values.items():
        await world.sql(f"UPDATE services SET {name} = $2 WHERE business_id = $1", world.business_id, value)


async def outside_hours(world: World) -> datetime:
    return world.at(20)


async def off_the_grid(world: World) -> datetime:
    return world.at(10, 20)


async def within_notice(world: World) -> datetime:
    await round_the_clock(world, min_notice_min=240)
    return soon(world)


async def beyond_horizon(world: World) -> datetime:
    await round_the_clock(world, horizon_days=3)
    return world.at(10, days=5)


async def a_while_ago(world: World) -> datetime:
    await round_the_clock(world)
    return now(world) - timedelta(minutes=20)


async def on_a_closed_date(world: World) -> datetime:
    await world.sql(
        "INSERT INTO exceptions (business_id, provider_id, location_id, day, windows)"
        " SELECT business_id, id, $2, $3, '{}' FROM providers WHERE business_id = $1",
        world.business_id,
        world.location_id,
        world.at(10).astimezone(world.zone).date(),
    )
    return world.at(10)


async def beyond_the_cap(world: World) -> datetime:
    await world.sql("UPDATE providers SET daily_cap = 1 WHERE business_id = $1", world.business_id)
    await world.book(world.at(9))
    return world.at(10)


async def beyond_the_limit(world: World) -> datetime:
    await world.sql("UPDATE services SET per_customer_limit = 1 WHERE business_id = $1", world.business_id)
    await world.book(world.at(9), email="regular@example.org")
    return world.at(10)


async def with_an_unread_calendar(world: World) -> datetime:
    await world.sql(
        "WITH c AS (INSERT INTO connections (business_id, provider_id, uid, kind, preset, name, url, peer, state)"
        " SELECT business_id, id, gen_random_uuid(), 'ics', 'ics', 'Mine', 'https://example.org/a.ics', 'example.org',"
        " 'active' FROM providers WHERE business_id = $1 RETURNING business_id, provider_id, id)"
        " INSERT INTO calendars (business_id, uid, connection_id, provider_id, href, name, blocks, writable)"
        " SELECT business_id, gen_random_uuid(), id, provider_id, '/a.ics', 'Mine', true, false FROM c",
        world.business_id,
    )
    return world.at(10)


async def over_another_appointment(world: World) -> datetime:
    await world.book(world.at(10))
    return world.at(10)


async def over_a_hold(world: World) -> datetime:
    await world.hold(world.at(10))
    return world.at(10)


async def over_time_off(world: World) -> datetime:
    await world.sql(
        "INSERT INTO busy_blocks (business_id, provider_id, during, source)"
        " SELECT business_id, id, tstzrange($2, $3), 'time_off' FROM providers WHERE business_id = $1",
        world.business_id,
        world.at(9),
        world.at(12),
    )
    return world.at(10)


async def without_a_room(world: World) -> datetime:
    await world.service("other", providers=["ben"])
    rows = await world.sql("SELECT id, slug FROM services WHERE business_id = $1 ORDER BY id", world.business_id)
    await world.room("east", rows[0]["id"])
    await world.sql(
        "INSERT INTO service_resources (business_id, resource_id, service_id, need)"
        " SELECT business_id, resource_id, $2, 'room' FROM service_resources WHERE business_id = $1",
        world.business_id,
        rows[1]["id"],
    )
    await world.book(world.at(10), service="other", provider="ben")
    return world.at(10)


async def days_ago(world: World) -> datetime:
    await round_the_clock(world)
    return now(world) - timedelta(days=2)


Setting = Callable[[World], Awaitable[datetime]]
PROMISES: Mapping[str, Setting] = {
    "past": a_while_ago,
    "notice": within_notice,
    "horizon": beyond_horizon,
    "hours": outside_hours,
    "exception": on_a_closed_date,
    "step": off_the_grid,
    "daily-cap": beyond_the_cap,
    "customer-limit": beyond_the_limit,
    "calendar": with_an_unread_calendar,
}
LIMITS: Mapping[str, Setting] = {
    "claims": over_another_appointment,
    "hold": over_a_hold,
    "busy": over_time_off,
    "resources": without_a_room,
    "long past": days_ago,
}


async def key(world: World, scope: str) -> dict[str, str]:
    value, prefix = new_api_key()
    await world.sql(
        "INSERT INTO api_keys (business_id, name, prefix, key_hash, scopes) VALUES ($1, $2, $3, $4, $5)",
        world.business_id,
        scope,
        prefix,
        token_hash(value),
        [scope],
    )
    return {"Authorization": f"Bearer {value}"}


async def post(client: Client, world: World, start: datetime, headers: Any, **more: Any) -> tuple[int, dict[str, Any]]:
    order = world.order_json(start, **more)
    order["customer"]["email"] = "regular@example.org"
    answer = await client.post(f"/v1/businesses/{world.slug}/appointments", json=order, headers=headers)
    return answer.status, await answer.json()


@pytest.mark.parametrize("rule", PROMISES)
async def test_M144_staff_is_told_of_a_promise_and_breaks_it_with_a_reason(
    client: Client, world: World, rule: str
) -> None:
    start = await PROMISES[rule](world)
    headers = await key(world, "book")

    status, refused = await post(client, world, start, headers)
    assert (status, refused["type"]) == (422, "/problems/slot-not-offered")
    assert rule in [reason["rule"] for reason in refused["reasons"]]
    assert refused["can_override"] is True
    status, booked = await post(client, world, start, headers, override={"reason": REASON})
    assert status == 201, booked
    assert datetime.fromisoformat(booked["start"]) == start
    [logged] = await world.sql(
        "SELECT t.actor, t.reason FROM transitions t JOIN appointments a ON a.id = t.appointment_id WHERE a.uid = $1",
        booked["id"],
    )
    assert logged["actor"] == "provider"
    assert logged["reason"].startswith(f"{REASON} (overrides: ")
    assert rule in logged["reason"]
    told = await world.sql("SELECT payload FROM outbox WHERE business_id = $1 ORDER BY id DESC", world.business_id)
    assert told[0]["payload"]["reason"] == ""
    assert await world.doubles() == 0


@pytest.mark.parametrize("limit", LIMITS)
async def test_M144_staff_never_books_what_is_taken_or_long_gone(client: Client, world: World, limit: str) -> None:
    start = await LIMITS[limit](world)

    status, refused = await post(client, world, start, world.auth, override={"reason": REASON})

    assert status == (422 if limit == "long past" else 409), refused
    assert "can_override" not in refused
    assert await world.doubles() == 0


async def test_M144_a_full_class_is_full_for_staff_too(client: Client, world: World) -> None:
    await world.service("class", capacity=2)
    for _ in range(2):
        await world.book(world.at(10), service="class")

    status, _ = await post(client, world, world.at(10), world.auth, service="class", override={"reason": REASON})

    assert status == 409


@pytest.mark.parametrize(("scope", "status"), [(None, 401), ("read", 403), ("book", 201), ("manage", 201)])
async def test_M144_only_a_key_that_may_book_overrides(
    client: Client, world: World, scope: str | None, status: int
) -> None:
    headers = await key(world, scope) if scope else None

    answered, _ = await post(client, world, world.at(20), headers, override={"reason": REASON})

    assert answered == status


async def test_M144_an_override_needs_a_reason(client: Client, world: World) -> None:
    status, refused = await post(client, world, world.at(20), world.auth, override={"reason": " "})

    assert status == 422
    assert refused["errors"][0]["pointer"] == "/override/reason"


async def test_M144_of_several_the_one_comes_who_breaks_nothing(client: Client, world: World) -> None:
    await world.service("any", providers=["anna"])
    await world.provider("ben", windows=((540, 1320),))
    await world.service("evening", providers=["anna", "ben"])

    status, booked = await post(
        client, world, world.at(20), world.auth, service="evening", provider=None, override={"reason": REASON}
    )

    assert (status, booked["provider"]) == (201, "ben")


async def test_M144_staff_moves_outside_the_hours_with_a_reason(client: Client, world: World) -> None:
    booked = await world.book(world.at(10))
    path = f"/v1/businesses/{world.slug}/appointments/{booked.appointment.uid}/reschedule"

    refused = await client.post(path, json={"start": world.at(20).isoformat()}, headers=world.auth)
    order = {"start": world.at(20).isoformat(), "override": {"reason": REASON}}
    moved = await client.post(path, json=order, headers=world.auth)

    assert (refused.status, (await refused.json())["can_override"]) == (422, True)
    assert moved.status == 200
    rows = await world.sql("SELECT reason FROM transitions WHERE business_id = $1 ORDER BY id", world.business_id)
    assert [row["reason"] for row in rows] == ["", f"{REASON} (overrides: hours)"]


async def test_M144_customers_do_not_override(client: Client, world: World) -> None:
    booked = await world.book(world.at(10))
    order = {"start": world.at(20).isoformat(), "override": {"reason": REASON}}

    answer = await client.post(f"/v1/appointments/{booked.manage_token}/reschedule", json=order)

    assert answer.status == 422
    assert (await answer.json())["type"] == "/problems/invalid-request"


async def test_M144_staff_does_not_move_over_another_appointment(world: World) -> None:
    booked = await world.book(world.at(10))
    await world.book(world.at(11))
    target = await target_of_staff(world.core, world.business_id, booked.appointment.uid, override=REASON)

    with pytest.raises(Exception, match="taken"):
        await reschedule(world.core, target, world.at(11), no_key())
    assert await world.doubles() == 0


async def test_M125_staff_charges_the_fee_that_was_agreed_on(client: Client, world: World) -> None:
    await world.service("late", change_window_min=60 * 24 * 30, cancel_fee_minor=2000)
    booked = await world.book(world.at(10), service="late")
    await world.sql("UPDATE services SET cancel_fee_minor = 9000 WHERE business_id = $1", world.business_id)

    status, done = await cancel(client, world, booked.appointment.uid, charge_fee=True)

    assert (status, done["fee"]["amount_minor"], done["fee"]["currency"]) == (200, 2000, "EUR")


@pytest.mark.parametrize("terms", [{"cancel_fee_minor": 0}, {"cancel_fee_minor": 2000, "change_window_min": 60}])
async def test_M125_staff_charges_nothing_that_was_not_agreed_on(
    client: Client, world: World, terms: dict[str, int]
) -> None:
    await world.service("free", **{"change_window_min": 60 * 24 * 30, **terms})
    booked = await world.book(world.at(10), service="free")

    refused, problem = await cancel(client, world, booked.appointment.uid, charge_fee=True)
    status, done = await cancel(client, world, booked.appointment.uid)

    assert (refused, problem["type"]) == (409, "/problems/nothing-to-charge")
    assert (problem["free_until"] is None) is (terms["cancel_fee_minor"] == 0)
    assert (status, done["fee"]) == (200, None)


async def cancel(client: Client, world: World, uid: Any, **order: Any) -> tuple[int, dict[str, Any]]:
    path = f"/v1/businesses/{world.slug}/appointments/{uid}/cancel"
    answer = await client.post(path, json=order, headers=world.auth)
    return answer.status, await answer.json()


async def test_whether_it_took_place_is_said_once_it_has_begun(client: Client, world: World) -> None:
    booked = await world.book(world.at(10))
    path = f"/v1/businesses/{world.slug}/appointments/{booked.appointment.uid}/no-show"

    answer = await client.post(path, headers=world.auth)

    problem = await answer.json()
    assert (answer.status, problem["type"]) == (409, "/problems/too-early")
    assert datetime.fromisoformat(problem["begins_at"]) == world.at(10)
