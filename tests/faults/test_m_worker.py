"""
Section M of the matrix, the worker: whatever fails below it, it comes back alone or ends, and tells the truth.

Leaves the loops' own rules to `unit/test_supervision`, and keys to `test_m_keys`.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.redis.connection import RedisLink
from server.redis.heartbeats import beat
from server.settings import MailSettings, RedisSettings, Settings
from server.store.engine import Session
from server.store.migrate import migrate
from server.store.outage import Outage, outage_of
from server.supervision import LoopEnded, LoopReport
from server.worker.main import working
from server.worker.pump import Pump
from tests.services import PostgresServer
from tests.world import SECRET, World, open_core, settings_for

Client = TestClient[Any, Any]


async def until(true: Callable[[], Awaitable[bool] | bool], what: str) -> None:
    """Looks again and again; only a bound, no measure."""
    for _ in range(1_200):
        found = true()
        if found if isinstance(found, bool) else await found:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(what)


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    """The folder that mails are written to."""
    return tmp_path / "mails"


def settings_of_worker(database_url: str, redis_url: str, mails: Path) -> Settings:
    return settings_for(database_url, redis_url, mail=MailSettings(folder=str(mails), sender="us@book.example"))


async def book_and_get_a_mail(world: World, mails: Path, hour: int = 10) -> None:
    before = number_of(mails)
    await world.book(world.at(hour))
    await until(lambda: number_of(mails) > before, "no mail")


def number_of(mails: Path) -> int:
    return len(list(mails.glob("*"))) if mails.is_dir() else 0


@contextlib.contextmanager
def worker_process(
    database_url: str, redis_url: str, mails: Path, *, code: str = ""
) -> Generator[subprocess.Popen[bytes]]:
    """A worker as it is deployed; *code* runs first in its process."""
    environment = {
        **os.environ,
        "BOOKABLE_DATABASE_URL": database_url,
        "BOOKABLE_REDIS_URL": redis_url,
        "BOOKABLE_SECRET_KEYS": SECRET,
        "BOOKABLE_MAIL_FOLDER": str(mails),
        "BOOKABLE_WORKER_LEASE_S": "2",
    }
    line = [sys.executable, "-c", f"{code}\nfrom server.cli.main import main\nmain(['worker'])"]
    process = subprocess.Popen(line, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
async def shop(own_world: World) -> World:
    """A business in a database of its own."""
    await own_world.service()
    return own_world


async def test_M130_a_worker_that_is_started_before_migrate_works_when_it_has_run(
    empty_database_url: str, redis_url: str, mails: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_of_worker(empty_database_url, redis_url, mails)
    async with working(settings), open_core(settings) as core:
        await until(lambda: "bookable migrate" in caplog.text, "the worker does not say what is missing")

        await migrate(empty_database_url)
        world = await World.make(core)
        await world.service()

        await book_and_get_a_mail(world, mails)


async def test_M130_a_column_that_is_missing_for_a_while_stops_nothing_for_good(
    shop: World, own_database_url: str, redis_url: str, mails: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(settings_of_worker(own_database_url, redis_url, mails)):
        await book_and_get_a_mail(shop, mails, 9)
        await shop.sql("ALTER TABLE deliveries RENAME COLUMN state TO state_x")
        await until(lambda: "pump: " in caplog.text, "the pump does not notice")
        await shop.sql("ALTER TABLE deliveries RENAME COLUMN state_x TO state")

        await book_and_get_a_mail(shop, mails)

    rows = await shop.sql("SELECT DISTINCT done_at IS NOT NULL AND parked_at IS NULL FROM outbox")
    assert [row[0] for row in rows] == [True], "the schema was at fault, not the fact"


async def test_M130_a_trigger_that_raises_data_errors_stops_nothing_for_good(
    shop: World, own_database_url: str, redis_url: str, mails: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await shop.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no such value' USING ERRCODE = '22P02'; END $$"
    )
    await shop.sql("CREATE TRIGGER refuse BEFORE UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION refuse()")
    async with working(settings_of_worker(own_database_url, redis_url, mails)):
        await shop.book(shop.at(9))
        await until(lambda: "no such value" in caplog.text, "the pump does not say what is wrong")
        await shop.sql("DROP TRIGGER refuse ON deliveries")

        await book_and_get_a_mail(shop, mails)


async def test_M130_a_database_that_is_gone_and_a_user_who_may_not_come_in_are_waited_for(
    shop: World, own_database_url: str, redis_url: str, mails: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = urlsplit(own_database_url).path[1:]
    other = await asyncpg.connect(own_database_url.replace(f"/{name}", "/postgres", 1))
    role = f"r_{name}"
    try:
        await other.execute(f'CREATE ROLE "{role}" SUPERUSER LOGIN')
        url = own_database_url.replace("postgres@", f"{role}@", 1)
        async with working(settings_of_worker(url, redis_url, mails)):
            await book_and_get_a_mail(shop, mails, 9)
            for wrong, right, sign in (
                (f'ALTER ROLE "{role}" NOLOGIN', f'ALTER ROLE "{role}" LOGIN', "28000"),
                (
                    f'ALTER DATABASE "{name}" RENAME TO "{name}_away"',
                    f'ALTER DATABASE "{name}_away" RENAME TO "{name}"',
                    "3D000",
                ),
            ):
                caplog.clear()
                await until(lambda wrong=wrong: cut_off(other, name, wrong), "somebody is always connected")
                await until(lambda sign=sign: sign in caplog.text, f"nobody says {sign}")
                await other.execute(right)
            await book_and_get_a_mail(shop, mails)
        async with asyncio.timeout(20):
            await other.execute(f'DROP ROLE "{role}"')
    finally:
        await other.close()


async def cut_off(other: "asyncpg.Connection[Any]", name: str, statement: str) -> bool:
    """Whether *statement* could be done while nobody was connected to the database *name*."""
    try:
        await other.execute(statement)
        await other.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE $1", f"{name}%")
    except asyncpg.ObjectInUseError:
        await other.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        return False
    return True


async def test_M130_a_part_that_ends_takes_the_whole_worker_with_it(
    shop: World, own_database_url: str, redis_url: str, mails: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def end(_: Pump) -> None:
        raise LoopEnded("as if")

    monkeypatch.setattr(Pump, "_look", end)
    with pytest.raises(BaseExceptionGroup) as ended:
        async with working(settings_of_worker(own_database_url, redis_url, mails)):
            await asyncio.Event().wait()
    assert ended.value.subgroup(LoopEnded) is not None


async def test_M130_a_worker_process_whose_part_ends_exits_so_that_it_is_started_again(
    shop: World, own_database_url: str, redis_url: str, mails: Path
) -> None:
    code = (
        "from server.supervision import LoopEnded\nfrom server.worker.pump import Pump\n"
        "async def end(self):\n    raise LoopEnded('as if')\nPump._look = end"
    )
    with worker_process(own_database_url, redis_url, mails, code=code) as process:
        assert await asyncio.to_thread(process.wait, 60) == 1


@pytest.mark.parametrize(
    ("worker", "loops", "said"),
    [
        ("busy", [LoopReport("pump", 0.4, 2, stalled=False)], ("up", [])),
        ("stuck", [LoopReport("pump", 75.0, 9, stalled=True)], ("stalled", ["pump"])),
    ],
)
async def test_M130_readyz_and_metrics_tell_how_each_loop_is(
    client: Client, redis_url: str, worker: str, loops: list[LoopReport], said: tuple[str, list[str]]
) -> None:
    link = RedisLink(RedisSettings(url=redis_url))
    await link.ask(lambda redis: beat(redis, worker, loops))
    await link.close()

    ready = await (await client.get("/readyz")).json()
    metrics = await (await client.get("/metrics")).text()

    assert (ready["worker"], ready["stalled_loops"]) == said
    assert f'bookable_loop_errors_total{{loop="pump",process="{worker}"}} {loops[0].errors}.0' in metrics
    age = next(line for line in metrics.splitlines() if line.startswith("bookable_loop_age_seconds") and worker in line)
    assert float(age.split()[-1]) >= loops[0].age_s
    assert 'bookable_loop_age_seconds{loop="listeners",process="web"}' in metrics


async def test_M130_a_fact_that_nobody_is_told_of_shows_in_readyz_and_metrics(
    shop: World, own_database_url: str, aiohttp_client: Callable[..., Awaitable[Client]]
) -> None:
    await shop.book(shop.at(10))
    await shop.sql("UPDATE outbox SET created_at = created_at - interval '10 minutes'")
    client = await aiohttp_client(build_app(settings_for(own_database_url)))

    ready = await (await client.get("/readyz")).json()
    metrics = await (await client.get("/metrics")).text()

    assert ready["facts_open"] == 1
    assert 600 <= ready["oldest_fact_s"] < 1_200
    assert "bookable_facts_open 1.0" in metrics
    assert "bookable_fact_oldest_seconds 6" in metrics


async def test_M130_readyz_says_that_migrate_has_not_run(
    empty_database_url: str, aiohttp_client: Callable[..., Awaitable[Client]]
) -> None:
    client = await aiohttp_client(build_app(settings_for(empty_database_url)))

    ready = await client.get("/readyz")

    assert (ready.status, (await ready.json())["database"]) == (503, "schema")


async def test_M130_a_standby_is_not_ready_and_its_connection_is_not_kept(
    own_folder: Path, aiohttp_client: Callable[..., Awaitable[Client]]
) -> None:
    """BEGIN READ WRITE there is 0A000, which is not in the class of any outage."""
    server = PostgresServer(own_folder, settings={"fsync": "off"})
    server.start()
    try:
        server.embedded.create_database()
        await migrate(server.url)
        async with open_core(settings_for(server.url)) as core:
            world = await World.make(core)
            await world.service()
        server.stop()
        (server.embedded.data / "standby.signal").touch()
        server.start()
        client = await aiohttp_client(build_app(settings_for(server.url)))

        ready = await client.get("/readyz")
        booking = await client.post(f"/v1/businesses/{world.slug}/appointments", json=world.order_json(world.at(10)))
        server.embedded.sql("SELECT pg_promote()")
        await until(lambda: booked(client, world), "no booking after the promotion")

        assert (ready.status, (await ready.json())["database"]) == (503, "read-only")
        assert (booking.status, "Retry-After" in booking.headers) == (503, True)
    finally:
        server.stop()


async def booked(client: Client, world: World) -> bool:
    answer = await client.post(f"/v1/businesses/{world.slug}/appointments", json=world.order_json(world.at(11)))
    assert answer.status in {201, 503}
    return answer.status == 201


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (asyncpg.InvalidPasswordError, Outage.REFUSED),
        (asyncpg.InvalidCatalogNameError, Outage.REFUSED),
        (asyncpg.InsufficientPrivilegeError, Outage.REFUSED),
        (asyncpg.UndefinedColumnError, Outage.SCHEMA),
        (asyncpg.UndefinedTableError, Outage.SCHEMA),
        (asyncpg.InvalidCachedStatementError, Outage.SCHEMA),
        (asyncpg.DiskFullError, Outage.FULL),
        (asyncpg.PostgresIOError, Outage.FULL),
        (asyncpg.TooManyConnectionsError, Outage.BUSY),
        (asyncpg.LockNotAvailableError, Outage.BUSY),
        (asyncpg.QueryCanceledError, Outage.BUSY),
        (asyncpg.DeadlockDetectedError, Outage.BUSY),
        (asyncpg.AdminShutdownError, Outage.UNREACHABLE),
        (asyncpg.ConnectionDoesNotExistError, Outage.UNREACHABLE),
        (asyncpg.ReadOnlySQLTransactionError, Outage.READ_ONLY),
        (ConnectionRefusedError, Outage.UNREACHABLE),
        (TimeoutError, Outage.BUSY),
        (asyncpg.UntranslatableCharacterError, None),
        (asyncpg.InvalidTextRepresentationError, None),
        (asyncpg.UniqueViolationError, None),
        (asyncpg.PostgresSyntaxError, None),
        (asyncpg.IndexCorruptedError, None),
        (asyncpg.DataError, None),
        (ValueError, None),
    ],
)
def test_M130_whether_an_error_is_an_outage_follows_from_its_class(
    error: type[Exception], outage: Outage | None
) -> None:
    assert outage_of(error("x")) is outage


# --- M131: a cancellation is never lost


class Suspended:
    """Runs a coroutine and cancels its task at the n-th of its suspensions, after doing *also*."""

    def __init__(self, work: Coroutine[Any, Any, Any], at: int, also: Callable[[], None]) -> None:
        self._work, self._at, self._also = work, at, also
        self.reached = False

    def __await__(self) -> Generator[Any, Any, Any]:
        task = asyncio.current_task()
        assert task is not None
        send, value = self._work.send, None
        for n in range(1, 10_000):
            try:
                future = send(value)
            except StopIteration as done:
                return done.value
            if n == self._at:
                self.reached = True
                self._also()
                asyncio.get_running_loop().call_soon(task.cancel)
            try:
                value, send = (yield future), self._work.send
            except BaseException as error:  # noqa: BLE001  # it is the coroutine's
                value, send = error, self._work.throw
        raise AssertionError("no end")


async def fine(session: Session) -> None:
    await session.value("SELECT 1")


async def refused(session: Session) -> None:
    await session.value("SELECT 'x'::int")


async def cut(session: Session) -> None:
    await session.value("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.mark.parametrize("work", [fine, refused, cut])
@pytest.mark.parametrize("gone", [False, True], ids=["there", "gone"])
async def test_M131_a_cancellation_at_any_await_of_a_transaction_ends_the_task(
    own_world: World, work: Callable[[Session], Awaitable[None]], *, gone: bool
) -> None:
    """Also where the database goes away in the same instant; and no transaction stays open."""
    database = own_world.core.database
    tried = 0
    for at in range(1, 60):
        holder: list[Any] = []

        async def attempt(at: int = at, holder: list[Any] = holder) -> None:
            async def noted(session: Session) -> None:
                holder.append(session.driver)
                await work(session)

            def also() -> None:
                if gone and holder:
                    with contextlib.suppress(asyncpg.InterfaceError):
                        holder[0].terminate()

            suspended = Suspended(database.transact(noted), at, also)
            try:
                await suspended
            finally:
                holder.append(suspended.reached)

        task = asyncio.create_task(attempt())
        await asyncio.wait([task])
        if holder[-1] is not True:
            task.exception()  # what it ended in without us
            break
        tried += 1
        assert task.cancelled(), f"the cancel at await {at} is lost: {task.exception()!r}"
    assert tried >= 2

    async with database.reading() as session:
        idle = await session.value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in trans%'"
        )
    assert idle == 0


@pytest.mark.timeout(180)
async def test_M131_sigterm_at_the_instant_the_database_goes_ends_the_worker(
    own_postgres: PostgresServer, redis_url: str, mails: Path
) -> None:
    async with open_core(settings_for(own_postgres.url)) as core:
        world = await World.make(core)
        await world.service()
        with worker_process(own_postgres.url, redis_url, mails) as process:
            await book_and_get_a_mail(world, mails)
            process.send_signal(signal.SIGTERM)
            own_postgres.kill()

            assert await asyncio.to_thread(process.wait, 60) in {0, 1}
    own_postgres.restart()


async def test_M131_a_worker_that_cannot_stop_ends_all_the_same(
    shop: World, own_database_url: str, redis_url: str, mails: Path
) -> None:
    hangs = mails.with_name("hangs")
    code = (
        "import time\nfrom pathlib import Path\nfrom server.worker import main as worker\n"
        "from server.worker.pump import Pump\nworker._GRACE_S = 0\n"
        f"async def hang(self):\n    Path({str(hangs)!r}).touch()\n    while True: time.sleep(0.1)\nPump._look = hang"
    )
    with worker_process(own_database_url, redis_url, mails, code=code) as process:
        await until(hangs.exists, "the worker does not hang")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 60) == 1
