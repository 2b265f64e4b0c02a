"""
Section M, row 124: what was shown binds, whatever is edited between shown, held, paid, booked and moved.

Leaves capacity and caps to `test_m_holds_count`.
"""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.domain.appointment import Booked
from server.domain.errors import PolicyClosed
from server.usecases.cancel import cancel
from server.usecases.places import target_of_token, view
from tests.world import World, no_key

Client = TestClient[Any, Any]


async def edit(world: World, service: str = "cut", **columns: Any) -> None:
    """What the owner changes, as the API would."""
    changes = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, 3))
    await world.sql(
        f"WITH edited AS (UPDATE services SET {changes} WHERE business_id = $1 AND slug = $2)"
        " UPDATE businesses SET catalogue_version = catalogue_version + 1 WHERE id = $1",
        world.business_id,
        service,
        *columns.values(),
    )


async def test_M124_a_policy_that_is_tightened_does_not_reach_who_has_booked(world: World) -> None:
    await edit(world, change_window_min=1440, cancel_fee_minor=2000, price_minor=5000)
    booked = await world.book(world.at(10, days=17))
    await edit(world, change_window_min=43_200, cancel_fee_minor=4000, price_minor=9000)

    seen = await view(world.core, booked.manage_token)
    done = await cancel(world.core, await target_of_token(world.core, booked.manage_token), no_key())

    assert (seen.can_cancel, seen.can_reschedule, seen.late_fee_minor) == (True, True, 0)
    assert done.fee_minor == 0  # type: ignore[union-attr]  # without a key nothing is replayed


async def test_M124_a_policy_that_is_loosened_changes_nothing_either(world: World) -> None:
    await edit(world, change_window_min=43_200, cancel_fee_minor=2000)
    booked = await world.book(world.at(10, days=3))
    await edit(world, change_window_min=60, cancel_fee_minor=100)

    target = await target_of_token(world.core, booked.manage_token)
    with pytest.raises(PolicyClosed) as refused:
        await cancel(world.core, target, no_key())
    done = await cancel(world.core, target, no_key(), accepts_fee=True)

    assert refused.value.closed_at == booked.appointment.start - timedelta(minutes=43_200)
    assert (done.fee_minor, done.currency) == (2000, "EUR")  # type: ignore[union-attr]


async def test_M124_each_in_a_class_keeps_the_terms_of_their_own_day(world: World) -> None:
    await world.service("yoga", capacity=3, price_minor=1500, cancel_fee_minor=500, change_window_min=43_200)
    first = await world.book(world.at(10), service="yoga")
    await edit(world, "yoga", price_minor=1800, cancel_fee_minor=900)
    second = await world.book(world.at(10), service="yoga")

    fees = [(await _cancelled(world, booked)).fee_minor for booked in (first, second)]

    assert (first.terms.price_minor, second.terms.price_minor) == (1500, 1800)
    assert fees == [500, 900]


async def _cancelled(world: World, booked: Booked) -> Any:
    return await cancel(world.core, await target_of_token(world.core, booked.manage_token), no_key(), accepts_fee=True)


async def test_M124_a_hold_and_every_view_of_an_appointment_show_the_same_terms(client: Client, world: World) -> None:
    await edit(world, price_minor=4500, change_window_min=1440, cancel_fee_minor=1000)
    base = f"/v1/businesses/{world.slug}"
    order = world.order_json(world.at(10))
    asked = {name: order[name] for name in ("service", "provider", "start")}

    held = await (await client.post(f"{base}/holds", json=asked)).json()
    booked = await (await client.post(f"{base}/appointments", json={**order, "hold": held["hold"]})).json()
    seen = await (await client.get(f"/v1/appointments/{booked['manage_token']}")).json()
    managed = await (await client.get(f"{base}/appointments/{booked['id']}", headers=world.auth)).json()

    assert held["terms"] == {
        "price_minor": 4500,
        "currency": "EUR",
        "currency_digits": 2,
        "duration_min": 30,
        "change_window_min": 1440,
        "cancel_fee_minor": 1000,
        "approval": "automatic",
    }
    assert [booked["terms"], seen["terms"], managed["attendees"][0]["terms"]] == [held["terms"]] * 3
