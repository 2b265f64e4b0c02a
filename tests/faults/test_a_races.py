"""Section A of the matrix: races. Whoever is fast, one time has one owner."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector
from aiohttp.test_utils import TestClient

from server.domain.errors import BookingError
from server.domain.lifecycle import Step
from server.redis.availability_cache import Answer
from server.usecases.cancel import cancel
from server.usecases.decide import decide
from server.usecases.hold import release
from server.usecases.places import target_of_staff, target_of_token, view
from server.usecases.reschedule import reschedule
from server.web.keys import CACHE
from tests.processes import web_processes
from tests.world import World, no_key

Client = TestClient[Any, Any]


async def outcomes(attempts: Iterable[Awaitable[Any]]) -> Counter[str]:
    """How often each kind of result came of *attempts*, all at once."""
    results = await asyncio.gather(*attempts, return_exceptions=True)
    unexpected = [r for r in results if isinstance(r, BaseException) and not isinstance(r, BookingError)]
    assert unexpected == []
    return Counter(type(result).__name__ for result in results)


@pytest.mark.alone
@pytest.mark.timeout(240)
async def test_A1_fifty_clients_two_hundred_rounds_one_winner_each(
    database_url: str, redis_url: str, world: World
) -> None:
    """Over real HTTP, with two web processes: 201 once, 409 for the rest, and what they are offered is free."""
    await world.provider("night", windows=((0, 1440),))
    await world.service("slot", providers=["night"])
    with web_processes(2, database_url=database_url, redis_url=redis_url) as url:
        async with ClientSession(url, connector=TCPConnector(limit=50)) as session:

            async def attempt(start: datetime) -> tuple[int, dict[str, Any]]:
                order = world.order_json(start, service="slot", provider="night")
                async with session.post(f"/v1/businesses/{world.slug}/appointments", json=order) as response:
                    return response.status, await response.json()

            for number in range(200):
                start = world.at(0, days=2) + timedelta(minutes=60 * number)
                answers = await asyncio.gather(*(attempt(start) for _ in range(50)))
                assert Counter(status for status, _ in answers) == {201: 1, 409: 49}
                if number % 20 == 0:
                    refused = next(body for status, body in answers if status == 409)
                    free = datetime.fromisoformat(refused["alternatives"][0]["start"])
                    assert (await attempt(free))[0] == 201
                    assert refused["type"] == "/problems/slot-unavailable"

    assert await world.doubles() == 0


@pytest.mark.timeout(180)
async def test_A2_A4_a_storm_of_everything_leaves_no_overlap_and_a_history_that_replays(world: World) -> None:
    """Twenty providers, lengths and buffers that do not fit each other, book, hold, move, cancel, release at once."""
    chance = random.Random(4)
    people = [f"p{n}" for n in range(20)]
    lengths = {"short": (15, 0, 0), "middle": (40, 5, 10), "long": (75, 15, 30)}
    for name, (minutes, before, after) in lengths.items():
        columns = {"duration_min": minutes, "buffer_before_min": before, "buffer_after_min": after}
        await world.service(name, providers=people, slot_step_min=5, **columns)
    truth: dict[str, tuple[datetime, str]] = {}  # manage token -> acknowledged start, status

    async def client(number: int) -> None:
        mine: list[str] = []
        for _ in range(25):
            what = chance.random()
            start = world.at(9, days=3) + timedelta(minutes=5 * chance.randrange(0, 80))
            service, provider = chance.choice(list(lengths)), chance.choice(people[: 4 + number % 17])
            try:
                if what < 0.5 or not mine:
                    held = await world.hold(start, service=service, provider=provider) if what < 0.2 else None
                    if held is not None and what < 0.05:
                        await release(world.core, held.token)
                        continue
                    booked = await world.book(start, service=service, provider=provider, held=held)
                    mine.append(booked.manage_token)
                    truth[booked.manage_token] = (booked.appointment.start, "confirmed")
                elif what < 0.8:
                    token = chance.choice(mine)
                    moved = await reschedule(world.core, await target_of_token(world.core, token), start, no_key(200))
                    truth[token] = (moved.start, "confirmed")
                else:
                    token = mine.pop(chance.randrange(len(mine)))
                    await cancel(world.core, await target_of_token(world.core, token), no_key(200))
                    truth[token] = (truth[token][0], "cancelled")
            except BookingError:
                continue

    await asyncio.gather(*(client(number) for number in range(12)))

    assert await world.doubles() == 0
    for token, (start, status) in truth.items():
        seen = (await view(world.core, token)).place.appointment
        assert (seen.start, seen.status) == (start, status)
    counts = await world.sql(
        """
        SELECT count(*) FILTER (WHERE c.appointment_id IS NULL) AS without,
               count(*) FILTER (WHERE tstzrange(
                   a.starts_at - s.buffer_before_min * interval '1 min',
                   a.ends_at + s.buffer_after_min * interval '1 min') <> c.during) AS wrong
          FROM appointments a
          JOIN services s ON s.business_id = a.business_id AND s.id = a.service_id
          LEFT JOIN claims c ON c.business_id = a.business_id AND c.appointment_id = a.id
         WHERE a.business_id = $1 AND a.status = 'confirmed'
        """,
        world.business_id,
    )
    assert tuple(counts[0]) == (0, 0)
    kept = await world.sql("SELECT count(*) FROM appointments WHERE business_id = $1", world.business_id)
    assert kept[0][0] == len(truth) > 50


async def test_A3_bookings_across_utc_midnight_neither_overlap_nor_deadlock(world: World) -> None:
    await world.provider("owl", windows=((0, 1440),))
    await world.service("hour", providers=["owl"], duration_min=60, slot_step_min=15)
    midnight = world.at(0, days=5).replace(hour=0, minute=0)
    starts = [midnight + timedelta(minutes=15 * n) for n in range(-6, 7)] * 3
    random.Random(3).shuffle(starts)

    found = await outcomes(world.book(s, service="hour", provider="owl") for s in starts)

    assert found["Booked"] >= 2
    assert set(found) == {"Booked", "SlotTaken"}
    assert await world.doubles() == 0


async def test_A4_two_that_swap_their_times_end_in_a_legal_state(world: World) -> None:
    for number in range(10):
        a = await world.book(world.at(9, days=10 + number))
        b = await world.book(world.at(10, days=10 + number))
        targets = [await target_of_token(world.core, booked.manage_token) for booked in (a, b)]

        found = await outcomes(
            [
                reschedule(world.core, targets[0], b.appointment.start, no_key(200)),
                reschedule(world.core, targets[1], a.appointment.start, no_key(200)),
            ]
        )

        assert set(found) <= {"Appointment", "SlotTaken"}
        assert await world.doubles() == 0


async def test_A4_a_move_and_a_booking_for_one_time_have_one_winner(world: World) -> None:
    for number in range(10):
        start = world.at(11, days=10 + number)
        booked = await world.book(world.at(9, days=10 + number))
        target = await target_of_token(world.core, booked.manage_token)

        found = await outcomes([reschedule(world.core, target, start, no_key(200)), world.book(start)])

        assert found["SlotTaken"] == 1
        assert await world.doubles() == 0


async def test_A5_a_time_that_is_freed_goes_to_exactly_one(world: World) -> None:
    for number in range(10):
        start = world.at(12, days=10 + number)
        booked = await world.book(start)
        target = await target_of_token(world.core, booked.manage_token)

        await outcomes([cancel(world.core, target, no_key(200)), *(world.book(start) for _ in range(4))])
        await outcomes([world.book(start) for _ in range(2)])

        assert await world.doubles() == 0
        alive = await world.sql(
            "SELECT count(*) FROM appointments WHERE business_id = $1 AND starts_at = $2 AND status = 'confirmed'",
            world.business_id,
            start,
        )
        assert alive[0][0] == 1


async def test_A6_a_request_holds_its_time_so_that_no_second_one_can_be_approved(world: World) -> None:
    await world.service("asked", providers=["anna"], approval="manual")

    found = await outcomes(world.book(world.at(10), service="asked") for _ in range(8))
    uid = (await world.sql("SELECT uid FROM appointments WHERE business_id = $1", world.business_id))[0]["uid"]
    target = await target_of_staff(world.core, world.business_id, uid)
    approved = await outcomes(decide(world.core, target, Step.APPROVE, no_key(200)) for _ in range(4))

    assert found == {"Booked": 1, "SlotTaken": 7}
    assert approved == {"Appointment": 1, "IllegalTransition": 3}


async def test_A7_a_shared_room_is_never_taken_twice(world: World) -> None:
    people = [f"p{n}" for n in range(8)]
    massage = await world.service("massage", providers=people)
    await world.room("east", massage)
    await world.room("west", massage)

    found = await outcomes(world.book(world.at(10), service="massage", provider=p) for p in people)

    assert found == {"Booked": 2, "SlotTaken": 6}
    assert await world.doubles() == 0


async def test_A8_a_class_of_ten_has_ten(world: World) -> None:
    await world.service("yoga", providers=["anna"], capacity=10, duration_min=60)

    found = await outcomes(world.book(world.at(10), service="yoga") for _ in range(25))

    assert found == {"Booked": 10, "SlotTaken": 15}
    rows = await world.sql("SELECT seats_taken FROM appointments WHERE business_id = $1", world.business_id)
    assert [row["seats_taken"] for row in rows] == [10]


async def test_A9_whoever_is_free_means_as_many_as_there_are(world: World) -> None:
    await world.service("any", providers=[f"p{n}" for n in range(7)])

    found = await outcomes(world.book(world.at(10), service="any", provider=None) for _ in range(20))

    assert found == {"Booked": 7, "SlotTaken": 13}


async def test_A10_A11_one_key_books_once_however_often_it_comes_at_once(client: Client, world: World) -> None:
    order, key = world.order_json(world.at(10)), {"Idempotency-Key": "the-same-key-as-before"}
    url = f"/v1/businesses/{world.slug}/appointments"

    async def send(body: dict[str, Any]) -> tuple[int, str, bool]:
        async with client.post(url, json=body, headers=key) as response:
            answer = await response.json()
            return response.status, answer.get("id") or answer["type"], "Idempotency-Replayed" in response.headers

    at_once = await asyncio.gather(*(send(order) for _ in range(16)))
    again = [await send(order) for _ in range(3)]
    other = await send({**order, "service": "cut", "start": world.at(12).isoformat()})

    made = {identity for status, identity, _ in at_once if status == 201}
    assert len(made) == 1
    assert {identity for status, identity, _ in at_once if status != 201} <= {"/problems/request-in-flight"}
    assert sum(not replayed for status, _, replayed in at_once if status == 201) == 1
    assert [(status, {identity}, replayed) for status, identity, replayed in again] == [(201, made, True)] * 3
    assert other[:2] == (422, "/problems/idempotency-key-reused")
    assert len(await world.sql("SELECT 1 FROM appointments WHERE business_id = $1", world.business_id)) == 1


async def test_A13_a_poisoned_cache_shows_a_taken_time_and_books_nothing(client: Client, world: World) -> None:
    day = world.at(10).date().isoformat()
    url = f"/v1/businesses/{world.slug}/availability?service=cut&from={day}&to={day}"
    await client.get(url)
    cache = client.app[CACHE]
    await world.book(world.at(10))
    for question, answer in list(cache._answers.items()):
        version = await cache._versions.read(answer.subject)
        cache._answers[question] = Answer(answer.body, answer.etag, answer.subject, version, answer.expires)

    shown = await (await client.get(url)).text()
    response = await client.post(f"/v1/businesses/{world.slug}/appointments", json=world.order_json(world.at(10)))

    assert world.at(10).astimezone(world.zone).isoformat() in shown
    assert response.status == 409


async def test_A14_limits_hold_when_they_are_raced(world: World) -> None:
    await world.provider("dora", daily_cap=3)
    await world.service("few", providers=["dora"])
    await world.service("once", providers=["anna"], per_customer_limit=2)
    halves = [timedelta(minutes=30 * n) for n in range(10)]

    capped = await outcomes(world.book(world.at(9) + h, service="few", provider="dora") for h in halves)
    limited = await outcomes(world.book(world.at(9) + h, service="once", email="one@example.com") for h in halves)

    assert capped == {"Booked": 3, "SlotTaken": 7}
    assert limited == {"Booked": 2, "LimitReached": 8}


async def test_A15_a_hold_that_expires_while_it_is_confirmed_has_one_winner(world: World) -> None:
    """The claim's expiry, by the database's clock, decides: the owner of a live hold wins, else whoever is first."""
    for number in range(10):
        start = world.at(14, days=10 + number)
        held = await world.hold(start)
        await world.sql(
            "UPDATE claims SET expires_at = clock_timestamp() + interval '5 ms' WHERE business_id = $1"
            " AND hold_id IS NOT NULL",
            world.business_id,
        )

        found = await outcomes([world.book(start, held=held), world.book(start)])

        assert found == {"Booked": 1, "SlotTaken": 1}
        assert await world.doubles() == 0
