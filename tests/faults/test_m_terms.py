"""
Section M, row 124: what was shown binds, whatever is edited between shown, held, paid, booked and moved.

Leaves capacity and caps to `test_m_holds_count`, and paying to `tests/integration/test_payments`.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.domain.appointment import Booked
from server.domain.errors import PolicyClosed, TermsChanged
from server.domain.lifecycle import Actor, Status
from server.domain.terms import Terms
from server.usecases.cancel import cancel
from server.usecases.places import Target, target_of_staff, target_of_token, view
from server.usecases.reschedule import reschedule
from server.web.shapes.terms import TermsShape
from tests.world import World, no_key

Client = TestClient[Any, Any]


async def edit(world: World, service: str = "cut", **columns: Any) -> None:
    """What the owner changes, as the API would."""
    changes = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, 3))
    await world.sql(
        f"UPDATE services SET {changes} WHERE business_id = $1 AND slug = $2",
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


EDITS = {
    "price": {"price_minor": 9000},
    "length": {"duration_min": 60},
    "shorter": {"duration_min": 15},
    "window": {"change_window_min": 43_200},
    "fee": {"cancel_fee_minor": 4000},
    "approval": {"approval": "manual"},
    "buffers": {"buffer_before_min": 45, "buffer_after_min": 45},
    "notice": {"min_notice_min": 40_000},
    "grid": {"slot_step_min": 1440},
    "horizon": {"horizon_days": 1},
}
"""Everything of a service that is promised, and everything else that could take back what was promised."""


@pytest.mark.parametrize("edited", EDITS)
async def test_M124_a_living_hold_is_booked_at_its_terms(world: World, edited: str) -> None:
    before = await world.book(world.at(9, 30))
    held = await world.hold(world.at(10))
    after = await world.book(world.at(10, 30))
    await edit(world, **EDITS[edited])

    booked = await world.book(world.at(10), held=held)

    assert booked.terms == held.terms
    assert (booked.appointment.start, booked.appointment.end) == (held.start, held.end)
    assert booked.appointment.status is Status.CONFIRMED
    assert before.appointment.end <= booked.appointment.start <= booked.appointment.end <= after.appointment.start


@pytest.mark.parametrize("edited", ["price", "length", "window", "fee", "approval"])
@pytest.mark.parametrize("moment", ["hold", "book", "hold that is over"])
async def test_M124_terms_that_were_shown_bind_or_the_new_ones_are_shown(
    client: Client, world: World, edited: str, moment: str
) -> None:
    base = f"/v1/businesses/{world.slug}"
    order = world.order_json(world.at(10))
    asked = {name: order[name] for name in ("service", "provider", "start")}
    held = await (await client.post(f"{base}/holds", json=asked)).json()
    if moment == "hold that is over":
        await _let_run_out(world)
        order["hold"] = held["hold"]
    else:
        await client.delete(f"/v1/holds/{held['hold']}")
        order, asked = ({**each, "terms": held["terms"]} for each in (order, asked))
    await edit(world, **EDITS[edited])
    path, body = ("holds", asked) if moment == "hold" else ("appointments", order)

    refused = await client.post(f"{base}/{path}", json=body)
    problem = await refused.json()
    agreed = await client.post(f"{base}/{path}", json={**body, "terms": problem["terms"]})

    assert (refused.status, problem["type"]) == (409, "/problems/terms-changed")
    assert problem["terms"] != held["terms"]
    assert agreed.status == 201, await agreed.text()
    assert (await agreed.json())["terms"] == problem["terms"]


async def _let_run_out(world: World) -> None:
    for table in ("holds", "claims"):
        await world.sql(
            f"UPDATE {table} SET expires_at = clock_timestamp() WHERE business_id = $1 AND expires_at IS NOT NULL",
            world.business_id,
        )


async def test_M124_whoever_says_nothing_of_terms_books_at_those_of_now(world: World) -> None:
    await edit(world, price_minor=9000)

    assert (await world.book(world.at(10))).terms.price_minor == 9000


async def test_M124_a_hold_binds_both_sides(client: Client, world: World) -> None:
    """Other terms than the hold's are not to be had with it, though the service has them now."""
    held = await world.hold(world.at(10))
    await edit(world, price_minor=10)
    order = {**world.order_json(world.at(10)), "hold": held.token}
    shown = TermsShape.of(replace(held.terms, price_minor=10)).model_dump(mode="json")

    refused = await client.post(f"/v1/businesses/{world.slug}/appointments", json={**order, "terms": shown})

    assert (refused.status, (await refused.json())["terms"]["price_minor"]) == (409, held.terms.price_minor)


async def test_M124_of_anybody_those_come_first_who_do_it_at_the_terms_that_were_shown(world: World) -> None:
    await _provider_at(world, "ben", price_minor=9000)
    shown = replace((await world.book(world.at(9))).terms, price_minor=9000)

    booked = await world.book(world.at(10), provider=None, terms=shown)

    assert (booked.appointment.provider, booked.terms) == ("ben", shown)


async def test_M124_a_class_lasts_as_long_as_it_does_for_whoever_joins_it(world: World) -> None:
    await world.service("yoga", capacity=3, duration_min=60)
    first = await world.book(world.at(10), service="yoga")
    await edit(world, "yoga", duration_min=90)

    with pytest.raises(TermsChanged) as refused:
        await world.book(world.at(10), service="yoga", terms=replace(first.terms, duration_s=5400))
    second = await world.book(world.at(10), service="yoga", terms=refused.value.terms)

    assert second.terms.duration_s == 3600
    assert second.appointment.end == first.appointment.end


async def _by_customer(world: World, booked: Booked) -> Target:
    return await target_of_token(world.core, booked.manage_token)


async def _by_staff(world: World, booked: Booked) -> Target:
    return await target_of_staff(world.core, world.business_id, booked.appointment.uid)


async def _in_calendar(world: World, booked: Booked) -> Target:
    return replace(await _by_staff(world, booked), actor=Actor.CALENDAR)


MOVERS = {"customer": _by_customer, "staff": _by_staff, "calendar": _in_calendar}


async def _provider_at(world: World, slug: str, **own: int) -> None:
    """Somebody else who does the same for another price, or in another time."""
    provider = await world.provider(slug)
    columns = ", ".join(own)
    await world.sql(
        f"INSERT INTO provider_services (business_id, provider_id, service_id, {columns})"
        f" SELECT $1, $2, id, {', '.join(f'${n}' for n in range(3, 3 + len(own)))} FROM services"
        "  WHERE business_id = $1 AND slug = 'cut'",
        world.business_id,
        provider,
        *own.values(),
    )


async def _terms_now(world: World, booked: Booked) -> Terms:
    return (await view(world.core, booked.manage_token)).place.attendee.terms


@pytest.mark.parametrize("edited", ["price", "length", "shorter", "window", "fee"])
@pytest.mark.parametrize("mover", MOVERS)
async def test_M124_what_was_agreed_on_stays_when_it_is_moved(world: World, mover: str, edited: str) -> None:
    booked = await world.book(world.at(10, days=40))
    await edit(world, **EDITS[edited])

    moved = await reschedule(world.core, await MOVERS[mover](world, booked), world.at(14, days=40), no_key())

    assert await _terms_now(world, booked) == booked.terms
    assert moved.end - moved.start == timedelta(minutes=30)  # type: ignore[union-attr]  # nothing is replayed


@pytest.mark.parametrize("mover", ["staff", "calendar"])
async def test_M124_staff_sends_somebody_dearer_at_what_was_agreed(world: World, mover: str) -> None:
    await _provider_at(world, "ben", price_minor=9000, duration_min=60)
    booked = await world.book(world.at(10))
    target = await MOVERS[mover](world, booked)

    moved = await reschedule(world.core, target, world.at(14), no_key(), provider="ben")

    assert await _terms_now(world, booked) == booked.terms
    assert (moved.provider, moved.end - moved.start) == ("ben", timedelta(minutes=30))  # type: ignore[union-attr]


@pytest.mark.parametrize("own", [{"price_minor": 9000}, {"duration_min": 60}, {"price_minor": 0}])
async def test_M124_a_customer_takes_somebody_elses_time_only_at_their_terms(
    client: Client, world: World, own: dict[str, int]
) -> None:
    await edit(world, price_minor=2000)
    await _provider_at(world, "ben", **own)
    booked = await world.book(world.at(10))
    path = f"/v1/appointments/{booked.manage_token}/reschedule"
    order = {"start": world.at(14).isoformat(), "provider": "ben"}

    refused = await client.post(path, json=order)
    problem = await refused.json()
    stayed = (await view(world.core, booked.manage_token)).place.appointment
    moved = await client.post(path, json={**order, "terms": problem["terms"]})

    assert (refused.status, problem["type"]) == (409, "/problems/terms-changed")
    assert (stayed.provider, stayed.start) == ("anna", booked.appointment.start)
    assert moved.status == 200, await moved.text()
    seen = await (await client.get(f"/v1/appointments/{booked.manage_token}")).json()
    assert (seen["provider"]["slug"], seen["terms"]) == ("ben", problem["terms"])
    for name, value in own.items():
        assert seen["terms"][name] == value


async def test_M124_the_same_terms_with_somebody_else_need_no_second_yes(world: World) -> None:
    await world.service("colour", providers=["anna", "ben"], price_minor=2000)
    booked = await world.book(world.at(10), service="colour")
    target = await target_of_token(world.core, booked.manage_token)

    moved = await reschedule(world.core, target, world.at(14), no_key(), provider="ben")

    assert moved.provider == "ben"  # type: ignore[union-attr]  # nothing is replayed
    assert await _terms_now(world, booked) == booked.terms


async def test_M124_whoever_moves_within_a_class_keeps_their_price(world: World) -> None:
    await world.service("yoga", capacity=3, price_minor=1500)
    booked = await world.book(world.at(10), service="yoga")
    await edit(world, "yoga", price_minor=1800)
    other = await world.book(world.at(14), service="yoga")
    target = await target_of_token(world.core, booked.manage_token)

    await reschedule(world.core, target, world.at(14), no_key())

    assert (await view(world.core, booked.manage_token)).place.appointment.uid == other.appointment.uid
    assert [(await _terms_now(world, one)).price_minor for one in (booked, other)] == [1500, 1800]
