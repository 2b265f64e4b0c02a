"""
Proves what the command line says, and with which exit code it ends.

Leaves what the commands set in motion to the tests of those parts.
"""

import http.server
import socket
import subprocess
import sys
import threading
from asyncio import to_thread
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from server.cli.demo import earlier_feeds, earlier_key, write_notes
from server.cli.main import COMMANDS, main
from server.embedded.data_folder import locked
from server.settings import SecretSettings
from server.store.secrets_kept import KEPT
from server.usecases.connections import pause
from tests.calendar_desk import Desk, open_desk
from tests.peers.ics_server import ics_server, says
from tests.services import RedisServer
from tests.world import World, open_core, settings_for

SECRET = "s" * 32
NEW_SECRET = "n" * 32

Environment = dict[str, str | None]


def run(*arguments: str, environment: Environment | None = None) -> Result:
    return CliRunner(env=environment or {}).invoke(main, arguments)


@pytest.fixture
def healthy(own_database_url: str, redis_url: str, base_url: str, tmp_path: Path) -> Environment:
    """Settings of a deployment where all is well."""
    _redis(redis_url, "SET bookable:worker:heartbeat:one 1 EX 60")
    return {
        "BOOKABLE_DATABASE_URL": own_database_url,
        "BOOKABLE_REDIS_URL": redis_url,
        "BOOKABLE_SECRET_KEYS": SECRET,
        "BOOKABLE_HTTP_BASE_URL": base_url,
        "BOOKABLE_MAIL_FOLDER": str(tmp_path / "mail"),
    }


@pytest.fixture
def base_url() -> Iterator[str]:
    """Address of a web server that says 200 to everything."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Content) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_help_lists_every_command_and_how_to_begin() -> None:
    result = run("--help")

    assert result.exit_code == 0
    assert all(f"\n  {command}" in result.output for command in COMMANDS)
    assert "bookable demo --port 8080" in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_an_example(command: str) -> None:
    result = run(command, "--help")

    assert result.exit_code == 0
    assert f"bookable {command}" in result.output


def test_help_imports_no_more_than_it_needs() -> None:
    """It should be there at once."""
    program = "import sys; from server.cli.main import main; main(['up', '--help'], standalone_mode=False); "
    program += "print({'aiohttp', 'sqlalchemy', 'pydantic', 'redis'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.endswith("set()\n")


def test_doctor_is_content_with_a_healthy_deployment(healthy: Environment) -> None:
    result = run("doctor", environment=healthy)

    assert result.exit_code == 0, result.output
    assert "✗" not in result.output
    assert "All well." in result.output


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("BOOKABLE_SECRET_KEYS", None, "Set BOOKABLE_SECRET_KEYS"),
        ("BOOKABLE_SECRET_KEYS", "short", "at least 32 characters"),
        ("BOOKABLE_DATABASE_URL", None, "Set BOOKABLE_DATABASE_URL"),
        ("BOOKABLE_DATABASE_URL", "mysql://localhost/x", "Correct BOOKABLE_DATABASE_URL"),
        ("BOOKABLE_DATABASE_URL", "postgresql://a:hunter2@127.0.0.1:1/x", "Start it, or correct BOOKABLE_DATABASE_URL"),
        ("BOOKABLE_REDIS_URL", None, "Set BOOKABLE_REDIS_URL"),
        ("BOOKABLE_REDIS_URL", "redis://127.0.0.1:1/0", "Start it, or correct BOOKABLE_REDIS_URL"),
        ("BOOKABLE_REDIS_URL", "http://127.0.0.1", "Start it, or correct BOOKABLE_REDIS_URL"),
        ("BOOKABLE_MAIL_FOLDER", None, "Set BOOKABLE_MAIL_HOST"),
        ("BOOKABLE_HTTP_BASE_URL", "http://127.0.0.1:1", "Start `bookable web`"),
        ("BOOKABLE_HTTP_BASE_URL", "salon.example", "must start with http:// or https://"),
        ("BOOKABLE_HTTP_PORT", "99999", "BOOKABLE_HTTP_PORT: Input should be less than or equal to 65535"),
    ],
)  # fmt: skip
def test_doctor_names_what_is_wrong_and_the_remedy(
    healthy: Environment, variable: str, value: str | None, complaint: str
) -> None:
    result = run("doctor", environment={**healthy, variable: value})

    assert result.exit_code == 1
    assert result.output.count("✗") == 1, result.output
    assert complaint in result.output
    assert "hunter2" not in result.output


async def test_doctor_names_what_a_business_has_to_put_right(healthy: Environment, own_database_url: str) -> None:
    environment = {**healthy, "BOOKABLE_DATABASE_URL": own_database_url}
    async with open_core(settings_for(own_database_url)) as core:
        world = await World.make(core)
        await world.service(payment="online", price_minor=4800)

    result = await to_thread(run, "doctor", environment=environment)

    assert f"• {world.slug}: service cut (payment-not-set-up)" in result.output
    assert result.exit_code == 0, "the server itself is well"


def test_doctor_of_a_folder_without_an_installation_says_only_that(healthy: Environment, tmp_path: Path) -> None:
    result = run("doctor", "--data-dir", str(tmp_path / "typo"), environment={**healthy, "BOOKABLE_DATABASE_URL": None})

    assert result.output.count("✗") == 1
    assert f"there is no Bookable in {tmp_path / 'typo'}" in result.output


def test_doctor_of_a_data_folder_that_nobody_uses_says_so(healthy: Environment, tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    environment = {**healthy, "BOOKABLE_DATABASE_URL": None}

    result = run("doctor", "--data-dir", str(tmp_path), environment=environment)

    assert f"Start `bookable up --data-dir {tmp_path}`" in result.output


_STALLED = """'[{"name":"pump","age_s":75.0,"errors":9,"stalled":true}]'"""


def test_M130_doctor_sees_a_worker_that_lives_and_does_not_get_on(healthy: Environment, redis_url: str) -> None:
    _redis(redis_url, "SET bookable:worker:heartbeat:two " + _STALLED + " EX 30")

    result = run("doctor", environment=healthy)

    assert result.exit_code == 1
    assert "✗ worker two: stalled (pump)" in result.output


def test_doctor_sees_that_the_database_was_not_migrated(healthy: Environment, empty_database_url: str) -> None:
    result = run("doctor", environment={**healthy, "BOOKABLE_DATABASE_URL": empty_database_url})

    assert result.exit_code == 1
    assert "Run `bookable migrate`" in result.output


def test_doctor_sees_an_eviction_policy_that_loses_jobs(healthy: Environment, own_redis: RedisServer) -> None:
    _redis(own_redis.url, "CONFIG SET maxmemory-policy allkeys-lru")

    result = run("doctor", environment={**healthy, "BOOKABLE_REDIS_URL": own_redis.url})

    assert result.exit_code == 1
    assert "maxmemory-policy noeviction" in result.output


def test_doctor_misses_the_worker(healthy: Environment, redis_url: str) -> None:
    _redis(redis_url, "FLUSHDB")

    result = run("doctor", environment=healthy)

    assert result.exit_code == 1
    assert "Start `bookable worker`" in result.output


@asynccontextmanager
async def installation(database_url: str | None, secrets: str) -> AsyncIterator[Desk]:
    """What works with the calendars of a new business in this database, knowing these secrets."""
    assert database_url is not None
    settings = settings_for(database_url, secret=SecretSettings(keys=secrets))
    async with open_core(settings) as core:
        world = await World.make(core)
        await world.service()
        async with open_desk(world, settings) as desk:
            yield desk


async def test_doctor_names_the_calendars_that_wait_for_a_person(healthy: Environment) -> None:
    async with ics_server() as server, installation(healthy["BOOKABLE_DATABASE_URL"], SECRET) as desk:
        paused = await desk.subscribe(server.url)
        await desk.subscribe(server.url)
        well = await to_thread(run, "doctor", environment=healthy)
        assert well.exit_code == 0, well.output
        assert "calendars: 2 active" in well.output

        await pause(desk.world.core, desk.editor, paused)
        server.answer = says(401)
        await desk.round()
        result = await to_thread(run, "doctor", environment=healthy)

    assert result.exit_code == 1
    assert "calendars: 1 needs_reauth, 1 paused" in result.output
    assert result.output.count("✗") == 2, result.output
    assert f"of {desk.world.slug}/anna is paused\n    → It was paused by somebody" in result.output
    assert f"of {desk.world.slug}/anna is needs_reauth\n    → the calendar server does not accept" in result.output
    assert "calendar.ics" not in result.output


async def test_doctor_sees_that_rounds_are_late(healthy: Environment) -> None:
    async with ics_server() as server, installation(healthy["BOOKABLE_DATABASE_URL"], SECRET) as desk:
        await desk.subscribe(server.url)
        await desk.world.sql("UPDATE connections SET due_at = clock_timestamp() - interval '2 hours'")
        result = await to_thread(run, "doctor", environment=healthy)

    assert result.exit_code == 1
    assert "1 calendars wait to be synced, the first for 7,20" in result.output
    assert "Start another worker" in result.output


async def test_rotate_secrets_makes_the_old_secret_needless(healthy: Environment) -> None:
    url = healthy["BOOKABLE_DATABASE_URL"]
    async with ics_server() as server, installation(url, SECRET) as desk:
        uid = await desk.subscribe(server.url)
        alone = {**healthy, "BOOKABLE_SECRET_KEYS": NEW_SECRET}
        both = {**healthy, "BOOKABLE_SECRET_KEYS": f"{NEW_SECRET},{SECRET}"}

        too_soon = await to_thread(run, "rotate-secrets", environment=alone)
        assert too_soon.exit_code == 1
        assert "1 cannot be opened with any secret in BOOKABLE_SECRET_KEYS" in too_soon.output

        done = await to_thread(run, "rotate-secrets", environment=both)
        assert (done.exit_code, done.output) == (0, "1 sealed with the first secret.\n")

        assert await state_with(desk, url, SECRET, uid) == "needs_reauth"
        assert await state_with(desk, url, NEW_SECRET, uid) == "active"


async def state_with(desk: Desk, database_url: str | None, secret: str, uid: UUID) -> str:
    """How the connection stands after a round of a worker that knows only *secret*."""
    await desk.world.sql("UPDATE connections SET state = 'active'")
    async with installation(database_url, secret) as other:
        other.world = desk.world
        await other.round()
    return (await desk.connection(uid)).state


async def test_everything_that_is_sealed_and_lasts_is_sealed_anew(healthy: Environment) -> None:
    """A column that is added has to be in the list, or here with the reason why not."""
    short = {
        ("connections", "oauth_sealed"),  # a sign-in under way: a quarter of an hour
        ("payments", "order_sealed"),  # an order that is being paid
        ("confirmations", "order_sealed"),  # an order whose address is being confirmed
    }
    async with installation(healthy["BOOKABLE_DATABASE_URL"], SECRET) as desk:
        found = await desk.world.sql(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name LIKE '%\\_sealed'"
        )

    assert {tuple(row) for row in found} == {(table, column) for table, column, _ in KEPT} | short


def test_migrate_says_from_where_to_where(empty_database_url: str) -> None:
    environment: Environment = {"BOOKABLE_DATABASE_URL": empty_database_url}

    first, second = run("migrate", environment=environment), run("migrate", environment=environment)

    assert first.output.startswith("Migrated: empty → ")
    assert second.output.startswith("Nothing to do: the database is at ")


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        (["migrate"], {}),
        (["migrate", "--wait", "0"], {"BOOKABLE_DATABASE_URL": "postgresql://127.0.0.1:1/x"}),
        (["migrate"], {"BOOKABLE_DATABASE_URL": "sqlite:///x"}),
        (["web"], {}),
        (["web"], {"BOOKABLE_HTTP_PORT": "many"}),
        (["web"], {"BOOKABLE_DATABASE_URL": "postgresql://127.0.0.1:1/x"}),
        (["worker"], {}),
        (["up", "--data-dir", "/dev/null/x"], {}),
    ],
)
def test_an_expected_problem_is_one_line_and_exit_code_1(command: list[str], environment: Environment) -> None:
    result = run(*command, environment=environment)

    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


def test_up_says_that_its_port_is_taken_before_it_starts_anything(own_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        result = run("up", "--port", str(port), "--data-dir", str(own_folder))

    assert result.exit_code == 1
    assert f"Port {port} is taken" in result.stderr
    assert not (own_folder / "postgres").exists()


def test_up_says_that_its_folder_is_in_use(own_folder: Path) -> None:
    with locked(own_folder):
        result = run("up", "--data-dir", str(own_folder))

    assert result.exit_code == 1
    assert "is in use by a Bookable that is running" in result.stderr


def test_the_notes_of_the_demo_are_private_and_keep_the_key(tmp_path: Path) -> None:
    notes = tmp_path / "demo.json"
    assert earlier_key(notes) is None

    write_notes(notes, "http://127.0.0.1:8080", _Facts())

    assert earlier_key(notes) == "bk_key"
    assert earlier_feeds(notes) == {"ana": "token-of-ana"}
    assert notes.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [notes]


class _Facts:
    business = "demo"
    api_key = "bk_key"
    services = ("cut",)
    providers = {"ana": "token-of-ana"}  # noqa: RUF012


class _Content(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _redis(url: str, command: str) -> None:
    path, _, number = url.removeprefix("unix://").partition("?db=")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, connection.makefile("rb") as answers:
        connection.connect(path)
        for line in (f"SELECT {number or 0}", command):
            connection.sendall(line.encode() + b"\r\n")
            assert answers.readline() == b"+OK\r\n"
