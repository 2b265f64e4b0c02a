"""A request whose time comes before anybody answers it: it expires, its customer hears so, and nothing revives it."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp.test_utils import TestClient

from server.domain.appointment import Booked
from server.domain.errors import IllegalTransition
from server.domain.lifecycle import Status, Step
from server.usecases.batches import drain
from server.usecases.decide import decide
from server.usecases.expire import unanswered
from server.usecases.places import target_of_staff, view
from server.usecases.reschedule import reschedule
from server.usecases.sweep import sweep
from tests.faults.gates import held_before_commit, until_waiting
from tests.world import World, no_key

Client = TestClient[Any, Any]


@pytest.fixture
async def asked(own_world: World) -> World:
    """A business that approves each booking."""
    await own_world.service("asked", approval="manual")
    return own_world


async def request(world: World, start_hour: int = 10) -> Booked:
    booked = await world.book(world.at(start_hour), service="asked", email="robin@example.org")
    assert booked.appointment.status is Status.PENDING
    return booked


async def let_its_time_come(world: World) -> None:
    await world.sql(
        "UPDATE appointments SET starts_at = now() - interval '1 s', ends_at = now() + interval '29 min'"
        " WHERE business_id = $1 AND status = 'pending'",
        world.business_id,
    )


async def status_of(world: World, booked: Booked) -> Status:
    return (await view(world.core, booked.manage_token)).place.status


async def staff(world: World, booked: Booked) -> Any:
    return await target_of_staff(world.core, world.business_id, booked.appointment.uid)


async def test_M125_a_request_expires_when_its_time_comes_and_gives_the_time_back(asked: World) -> None:
    booked = await request(asked)
    assert (await sweep(asked.core)).requests == 0
    await let_its_time_come(asked)

    assert (await sweep(asked.core)).requests == 1
    assert (await sweep(asked.core)).requests == 0

    assert await status_of(asked, booked) is Status.EXPIRED
    assert not await asked.sql("SELECT 1 FROM claims WHERE business_id = $1", asked.business_id)
    log = await asked.sql("SELECT from_status, to_status, actor, reason FROM transitions ORDER BY id DESC LIMIT 1")
    assert tuple(log[0]) == ("pending", "expired", "system", "Not answered before its time")


@pytest.mark.parametrize("swept", [False, True])
async def test_M125_what_has_begun_is_not_approved_any_more(asked: World, swept: bool) -> None:
    booked = await request(asked)
    await let_its_time_come(asked)
    if swept:
        await sweep(asked.core)

    with pytest.raises(IllegalTransition) as refused:
        await decide(asked.core, await staff(asked, booked), Step.APPROVE, no_key())

    assert (refused.value.status, refused.value.wanted) == (Status.EXPIRED, Step.APPROVE)


async def test_M125_confirmed_appointments_do_not_expire(asked: World) -> None:
    booked = await request(asked)
    await decide(asked.core, await staff(asked, booked), Step.APPROVE, no_key())
    await asked.sql("UPDATE appointments SET starts_at = now() - interval '1 h', ends_at = now()")

    assert (await sweep(asked.core)).requests == 0

    assert await status_of(asked, booked) is Status.CONFIRMED


async def test_M125_who_moves_a_request_while_it_expires_does_not_lose_it(asked: World) -> None:
    booked = await request(asked)
    await let_its_time_come(asked)
    target = await staff(asked, booked)
    async with held_before_commit(asked, "outbox", when="NEW.kind = 'appointment.move_requested'"):
        moving = asyncio.create_task(reschedule(asked.core, target, asked.at(15), no_key()))
        await until_waiting(asked, 1)
        assert (await sweep(asked.core)).requests == 0
    await moving

    assert (await sweep(asked.core)).requests == 0
    assert await status_of(asked, booked) is Status.PENDING


async def test_M127_more_requests_than_a_page_expire_in_one_run(asked: World) -> None:
    for hour in range(9, 17):
        await request(asked, hour)
    await asked.sql("UPDATE appointments SET starts_at = now() - interval '1 s' * id, ends_at = now()")

    assert await drain(asked.core, unanswered(asked.core), at_once=3) == 8


async def test_M126_a_request_that_cannot_expire_stops_no_other(asked: World) -> None:
    bad = await request(asked, 9)
    good = [await request(asked, hour) for hour in range(10, 14)]
    await let_its_time_come(asked)
    await asked.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN IF NEW.uid = '{bad.appointment.uid}' THEN RAISE EXCEPTION 'broken'; END IF; RETURN NEW; END $$"
    )
    await asked.sql("CREATE TRIGGER refuse BEFORE UPDATE ON appointments FOR EACH ROW EXECUTE FUNCTION refuse()")

    assert (await sweep(asked.core)).requests == 4

    assert [await status_of(asked, each) for each in good] == [Status.EXPIRED] * 4
    assert await status_of(asked, bad) is Status.PENDING


async def manage_page(client: Client, booked: Booked) -> str:
    link = await client.get(f"/manage/{booked.manage_token}", allow_redirects=False)
    session = link.cookies["bookable_place"].value
    path = urlsplit(link.headers["Location"]).path
    return await (await client.get(path, headers={"Cookie": f"bookable_place={session}"})).text()


async def test_M125_the_customer_sees_that_it_expired(client: Client, world: World) -> None:
    await world.service("asked", approval="manual")
    booked = await world.book(world.at(10), service="asked")
    await world.sql(
        "UPDATE appointments SET starts_at = now() - interval '1 s', ends_at = now() + $2 WHERE business_id = $1",
        world.business_id,
        timedelta(minutes=29),
    )
    await sweep(world.core)

    seen = await (await client.get(f"/v1/appointments/{booked.manage_token}")).json()
    page = await manage_page(client, booked)

    assert (seen["status"], seen["policy"]["can_cancel"], seen["policy"]["can_reschedule"]) == ("expired", False, False)
    assert "Your request was not answered in time" in page


async def test_M125_a_declined_request_is_called_declined(client: Client, world: World) -> None:
    await world.service("asked", approval="manual")
    booked = await world.book(world.at(10), service="asked")
    target = await target_of_staff(world.core, world.business_id, booked.appointment.uid)
    await decide(world.core, target, Step.DECLINE, no_key())

    seen = await (await client.get(f"/v1/appointments/{booked.manage_token}")).json()
    page = await manage_page(client, booked)

    assert seen["status"] == "declined"
    assert "Your request could not be confirmed" in page
