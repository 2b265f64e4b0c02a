"""
Section A of the matrix, all at once: a storm over HTTP, of clients that hang up and ask again.

Leaves one race at a time to `test_a_races` and `test_a_classes`.
"""

import asyncio
import contextlib
import random
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, TCPConnector

from server.domain.errors import Unavailable
from server.tokens import token_hash
from server.usecases.sweep import sweep
from tests.processes import web_processes
from tests.world import World

Body = dict[str, Any]

CLIENTS, STEPS = 24, 40
PEOPLE = [f"p{n:02d}" for n in range(20)]
LENGTHS = {"short": (15, 0, 0), "middle": (40, 5, 10), "long": (75, 15, 30)}
PATIENT_S, IMPATIENT_S = 20.0, (0.001, 0.03)
LEFT = "left"
FACTS = {"appointment.cancelled": LEFT, "appointment.attendee_left": LEFT}
"""Which of the two it is depends on who else is there."""


@dataclass
class Place:
    """An appointment, as its customer was told last."""

    token: str
    id: str
    start: datetime
    status: str


@dataclass
class Request:
    """One operation, and what an acknowledgement of it changes."""

    path: str
    body: Body
    acknowledge: Callable[[Body], None]
    place: Place | None = None
    as_staff: bool = False
    key: str = field(default_factory=lambda: secrets.token_hex(8))


@dataclass
class Storm:
    """Clients of one business, and the history of what they were told."""

    world: World
    http: ClientSession
    chance: random.Random
    places: list[Place] = field(default_factory=list)
    idle: list[Place] = field(default_factory=list)
    """Those that no request is about right now: the steps of one place have an order."""
    holds: list[tuple[str, Body]] = field(default_factory=list)
    unknown: list[Request] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    facts: Counter[str] = field(default_factory=Counter)
    processes: set[str] = field(default_factory=set)

    async def client(self) -> None:
        """Steps at random; some are not waited for."""
        for _ in range(STEPS):
            if self.holds and self.chance.random() < 0.08:
                token, _ = self.holds.pop()
                async with self.http.delete(f"/v1/holds/{token}") as response:
                    assert response.status in {204, 404}
            request = self._any_request()
            impatient = self.chance.random() < 0.12
            if not await self.send(request, self.chance.uniform(*IMPATIENT_S) if impatient else PATIENT_S):
                self.unknown.append(request)

    async def send(self, request: Request, patience_s: float = PATIENT_S) -> bool:
        """False if nobody can tell from the answer whether it happened."""
        headers = {"Idempotency-Key": request.key, **(self.world.auth if request.as_staff else {})}
        try:
            async with asyncio.timeout(patience_s):
                async with self.http.post(request.path, json=request.body, headers=headers) as response:
                    body = await response.json(content_type=None)
        except (TimeoutError, ClientError):
            return False
        self.answers[response.status] += 1
        self.processes.add(response.headers["X-Request-Id"].split("-")[0])
        if response.status >= 500 or body.get("type") == "/problems/request-in-flight":
            return False
        if response.status < 300:
            request.acknowledge(body)
        if request.place is not None and request.place.status in {"pending", "confirmed"}:
            self.idle.append(request.place)
        return True

    async def resolve(self) -> None:
        """Asks again for everything that is unknown, with its key, until it is known."""
        for request in self.unknown:
            for _ in range(100):
                if await self.send(request):
                    break
                await asyncio.sleep(0.05)
            else:
                raise AssertionError(f"{request} stays unknown")

    async def pass_time(self) -> None:
        """Holds expire at random moments, and the sweeper comes by; until cancelled."""
        while True:
            with contextlib.suppress(Unavailable):  # this very statement, in a deadlock with a booking
                await self.world.sql(
                    """
                    WITH hold AS (
                        UPDATE holds SET expires_at = clock_timestamp()
                         WHERE id = (SELECT id FROM holds WHERE business_id = $1 ORDER BY random() LIMIT 1)
                        RETURNING business_id, id)
                    UPDATE claims c SET expires_at = clock_timestamp() FROM hold
                     WHERE c.business_id = hold.business_id AND c.hold_id = hold.id
                    """,
                    self.world.business_id,
                )
            if self.chance.random() < 0.2:
                await sweep(self.world.core)
            await asyncio.sleep(0.02)

    def _any_request(self) -> Request:
        what = self.chance.random()
        if what < 0.55 or not self.idle:
            return self._book() if what < 0.4 else self._hold()
        place = self.idle.pop(self.chance.randrange(len(self.idle)))
        if place.status == "pending" and self.chance.random() < 0.5:
            return self._decide(place, self.chance.choice(["approve", "decline"]))
        return self._move(place) if self.chance.random() < 0.6 else self._cancel(place)

    def _path(self, rest: str) -> str:
        return f"/v1/businesses/{self.world.slug}/{rest}"

    def _start(self, service: str) -> datetime:
        """At any five minutes of one long day; classes at a few times only, so that customers meet in them."""
        if service == "class":
            return self.world.at(9 + 2 * self.chance.randrange(3), days=3)
        return self.world.at(8, days=3) + timedelta(minutes=5 * self.chance.randrange(130))

    def _order(self) -> Body:
        service = self.chance.choice([*LENGTHS, "asked", "roomy", "class"])
        # Some are wanted by everybody, so that most requests collide.
        people = PEOPLE[:3] if service == "class" or self.chance.random() < 0.6 else PEOPLE
        provider = None if self.chance.random() < 0.2 else self.chance.choice(people)
        return self.world.order_json(self._start(service), service=service, provider=provider)

    def _book(self) -> Request:
        order = self._order()
        if self.holds and self.chance.random() < 0.6:
            token, held = self.holds.pop()
            order = {**order, **held, "hold": token}

        def booked(body: Body) -> None:
            self.facts["appointment.requested" if body["status"] == "pending" else "appointment.booked"] += 1
            place = Place(body["manage_token"], body["id"], datetime.fromisoformat(body["start"]), body["status"])
            self.places.append(place)
            self.idle.append(place)

        return Request(self._path("appointments"), order, booked)

    def _hold(self) -> Request:
        order = {name: value for name, value in self._order().items() if name != "customer"}
        return Request(self._path("holds"), order, lambda body: self.holds.append((body["hold"], order)))

    def _move(self, place: Place) -> Request:
        def moved(body: Body) -> None:
            start = datetime.fromisoformat(body["start"])
            if start == place.start:  # no move: nobody hears of it
                return
            asks = body["status"] == "pending"  # approved for another time, or not yet
            self.facts["appointment.move_requested" if asks else "appointment.rescheduled"] += 1
            self.facts[LEFT] += body["id"] != place.id  # a place in one class was given up for one in another
            place.id, place.start, place.status = body["id"], start, body["status"]

        order = {"start": self._start(self.chance.choice(["short", "class"])).isoformat()}
        return Request(f"/v1/appointments/{place.token}/reschedule", order, moved, place)

    def _cancel(self, place: Place) -> Request:
        def cancelled(_: Body) -> None:
            self.facts[LEFT] += 1
            place.status = "cancelled"

        return Request(f"/v1/appointments/{place.token}/cancel", {}, cancelled, place)

    def _decide(self, place: Place, step: str) -> Request:
        def decided(body: Body) -> None:
            self.facts["appointment." + {"approve": "approved", "decline": "declined"}[step]] += 1
            place.status = body["status"]

        return Request(self._path(f"appointments/{place.id}/{step}"), {}, decided, place, as_staff=True)


async def furnish(world: World) -> None:
    """Twenty people; lengths and buffers that do not fit each other; rooms, approval, classes."""
    everybody = {"providers": PEOPLE, "slot_step_min": 5}
    for person in PEOPLE:
        await world.provider(person, windows=((0, 1440),))
    for name, (minutes, before, after) in LENGTHS.items():
        buffers = {"buffer_before_min": before, "buffer_after_min": after}
        await world.service(name, duration_min=minutes, **buffers, **everybody)
    await world.service("asked", duration_min=30, approval="manual", **everybody)
    roomy = await world.service("roomy", duration_min=45, buffer_after_min=10, **everybody)
    for need, names in {"room": ("east", "west", "north"), "device": ("laser", "press")}.items():
        for name in names:
            await world.room(name, roomy, need=need)
    await world.service("class", duration_min=60, capacity=3, **everybody)


@pytest.mark.alone
@pytest.mark.timeout(240)
async def test_A2_A4_A5_a_storm_over_http_replays_to_the_state_that_is_kept(
    database_url: str, redis_url: str, world: World
) -> None:
    """Acknowledged is kept, refused is not, unknown is what its key says; and nobody is in two places."""
    await furnish(world)
    with web_processes(2, database_url=database_url, redis_url=redis_url) as url:
        async with ClientSession(url, connector=TCPConnector(limit=CLIENTS)) as http:
            storm = Storm(world, http, random.Random(2))
            clock = asyncio.create_task(storm.pass_time())
            await asyncio.gather(*(storm.client() for _ in range(CLIENTS)))
            await storm.resolve()
            clock.cancel()

    told = {token_hash(place.token): (place.id, place.start, place.status) for place in storm.places}
    assert await what_is_kept(world) == told
    facts = await world.sql("SELECT kind FROM outbox WHERE business_id = $1", world.business_id)
    assert Counter(FACTS.get(row["kind"], row["kind"]) for row in facts) == +storm.facts
    assert await world.doubles() == 0
    assert await world.misclaimed() == []
    assert await crooked_classes(world) == []
    assert await steps_that_do_not_lead_to_the_state(world) == []
    # A storm that nobody noticed would prove nothing.
    assert len(storm.processes) == 2
    assert min(storm.answers[201], storm.answers[200], storm.answers[409], len(storm.unknown)) > 20
    assert set(storm.answers) <= {200, 201, 404, 409, 422, 503}


async def what_is_kept(world: World) -> dict[bytes, tuple[str, datetime, str]]:
    """By hash of the manage token: id, start and state of what each customer has."""
    rows = await world.sql(
        """
        SELECT t.token_hash, a.uid::text, a.starts_at,
               CASE WHEN t.cancelled_at IS NOT NULL AND a.status <> 'declined' THEN 'cancelled' ELSE a.status END
          FROM attendees t JOIN appointments a ON a.business_id = t.business_id AND a.id = t.appointment_id
         WHERE t.business_id = $1
        """,
        world.business_id,
    )
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


async def crooked_classes(world: World) -> list[Any]:
    """Appointments whose number of places taken is not the number of those who are there."""
    found: list[Any] = await world.sql(
        """
        SELECT a.id, a.status, a.seats_taken, s.capacity, count(t.id) AS there
          FROM appointments a
          JOIN services s ON s.business_id = a.business_id AND s.id = a.service_id
          LEFT JOIN attendees t ON t.business_id = a.business_id AND t.appointment_id = a.id AND t.cancelled_at IS NULL
         WHERE a.business_id = $1 GROUP BY a.business_id, a.id, s.capacity
        HAVING count(t.id) <> a.seats_taken OR a.seats_taken > s.capacity
            OR (a.status IN ('pending', 'confirmed')) <> (count(t.id) > 0)
        """,
        world.business_id,
    )
    return found


async def steps_that_do_not_lead_to_the_state(world: World) -> list[Any]:
    """Appointments whose log does not begin with nothing, go on where it was, and end where they are."""
    found: list[Any] = await world.sql(
        """
        WITH steps AS (
            SELECT t.*, lag(to_status) OVER own AS before, lead(id) OVER own IS NULL AS is_last
              FROM transitions t WHERE business_id = $1 WINDOW own AS (PARTITION BY appointment_id ORDER BY id))
        SELECT a.id, a.status, s.from_status, s.to_status
          FROM appointments a JOIN steps s ON s.business_id = a.business_id AND s.appointment_id = a.id
         WHERE s.from_status IS DISTINCT FROM s.before
            OR s.is_last AND (s.to_status, s.sequence, s.starts_at) <> (a.status, a.sequence, a.starts_at)
        """,
        world.business_id,
    )
    return found
