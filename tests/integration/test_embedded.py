"""
Proves that the embedded servers keep their data and their manners, whatever is killed.

Leaves what the web process and the worker do with them to the tests of those.
"""

import asyncio
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from server.embedded import leftovers
from server.embedded.child import Part, wait_until
from server.embedded.data_folder import locked, private_folder, socket_folder
from server.embedded.errors import DataFolderInUse, DataFolderUnusable, NotInstalled, PartFailed
from server.embedded.postgres import EmbeddedPostgres
from server.embedded.redis import EmbeddedRedis, find_binary
from server.embedded.supervisor import Supervisor

PARENT = """
import asyncio, pathlib, sys
from server.embedded.data_folder import locked
from server.embedded.postgres import EmbeddedPostgres
from server.embedded.redis import EmbeddedRedis
from server.embedded.supervisor import Supervisor

async def main(folder):
    async with Supervisor() as supervisor:
        postgres = EmbeddedPostgres(folder / "postgres", settings={"fsync": "off"})
        await supervisor.start(postgres.part())
        await asyncio.to_thread(postgres.create_database)
        await supervisor.start(EmbeddedRedis(folder / "redis").part())
        print("ready", flush=True)
        await supervisor.run()

with locked(pathlib.Path(sys.argv[1])) as folder:
    asyncio.run(main(folder))
"""

SAMPLES = Path(__file__).parents[1] / "samples" / "redis_6_2"

UNBUFFERED = {"PYTHONUNBUFFERED": "1"}

StartParent = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def postgres(own_folder: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(own_folder / "postgres", settings={"fsync": "off"})


@pytest.fixture
def redis(own_folder: Path) -> EmbeddedRedis:
    return EmbeddedRedis(own_folder / "redis")


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture
def start_parent(own_folder: Path, postgres: EmbeddedPostgres, redis: EmbeddedRedis) -> Iterator[StartParent]:
    """Starts a process that runs both servers on the folder of this test, and waits until it is ready."""
    parents: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        parent = subprocess.Popen([sys.executable, "-c", PARENT, str(own_folder)], stdout=subprocess.PIPE, text=True)
        parents.append(parent)
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        return parent

    yield start
    for parent in parents:
        with parent:
            parent.terminate()
    leftovers.end(_servers(postgres, redis), ((signal.SIGINT, 5),))


def test_a_second_start_finds_the_data_after_the_parent_was_killed(
    start_parent: StartParent, postgres: EmbeddedPostgres
) -> None:
    parent = start_parent()
    postgres.sql("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('hello')", database="bookable")
    parent.kill()
    parent.wait()

    start_parent()

    assert postgres.sql("SELECT word FROM kept", database="bookable") == "hello"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child that its parent died")
def test_no_server_outlives_a_killed_parent(
    start_parent: StartParent, postgres: EmbeddedPostgres, redis: EmbeddedRedis
) -> None:
    parent = start_parent()
    assert len(_servers(postgres, redis)) > 1

    parent.kill()
    parent.wait()

    assert wait_until(lambda: not _servers(postgres, redis), timeout_s=10)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_and_exits_well(
    start_parent: StartParent, postgres: EmbeddedPostgres, redis: EmbeddedRedis, signum: signal.Signals
) -> None:
    parent = start_parent()

    parent.send_signal(signum)

    assert parent.wait(timeout=20) == 0
    assert _servers(postgres, redis) == []


def test_up_starts_again_at_once_after_it_was_killed(own_folder: Path, free_port: int) -> None:
    """Its web processes may still be there, with their port."""
    with _start_up(own_folder, free_port) as killed:
        killed.kill()

    with _start_up(own_folder, free_port) as parent:
        found = _doctor(own_folder)
        parent.send_signal(signal.SIGINT)
        rest = parent.stdout.read()

    assert f"is used by process {parent.pid}" in found
    assert "/healthz answers 200" in found
    assert [line for line in found.splitlines() if line.startswith("✗")] == ["✗ mail is not set up"]
    assert "Stopped." in rest
    assert parent.returncode == 0
    assert leftovers.started_with(f"--part-of={own_folder}") == []


def test_M132_up_makes_no_new_secret_where_the_old_one_is_missing(own_folder: Path, free_port: int) -> None:
    """The new file would stand where the old one belongs, and look like it."""
    with _start_up(own_folder, free_port) as parent:
        parent.send_signal(signal.SIGINT)
        parent.stdout.read()
    secret, backup = own_folder / "secret", own_folder / "secret.backup"
    secret.rename(backup)

    for command in (["up", "--port", str(free_port)], ["doctor"]):
        line = [sys.executable, "-m", "server.cli.main", *command, "--data-dir", str(own_folder)]
        refused = subprocess.run(line, capture_output=True, text=True, check=False, timeout=100)
        assert refused.returncode == 1, refused
        assert "Traceback" not in refused.stderr
        assert not secret.exists()
        assert f"{secret} is missing, and the database was set up with it." in refused.stdout + refused.stderr

    backup.rename(secret)
    with _start_up(own_folder, free_port) as parent:
        parent.send_signal(signal.SIGINT)


def test_who_only_has_the_folder_on_its_command_line_is_no_leftover(own_folder: Path) -> None:
    program = [sys.executable, "-c", "input()", str(own_folder)]
    with subprocess.Popen(program, stdin=subprocess.PIPE) as editor:
        found = leftovers.started_with(f"--part-of={own_folder}")
        editor.kill()

    assert found == []


def test_a_second_instance_on_one_folder_is_refused(own_folder: Path) -> None:
    with locked(own_folder), pytest.raises(DataFolderInUse, match=str(os.getpid())), locked(own_folder):
        pass


async def test_a_killed_postgres_is_started_again(postgres: EmbeddedPostgres) -> None:
    async with Supervisor() as supervisor:
        await supervisor.start(postgres.part())
        postgres.sql("CREATE TABLE kept (word text)")
        killed = supervisor.pid("postgres")

        os.kill(killed, signal.SIGKILL)

        await _until(lambda: supervisor.pid("postgres") != killed and postgres.is_ready())
        assert postgres.sql("SELECT count(*) FROM kept") == "0"


@pytest.mark.parametrize("kind", ["commands", "snapshot"])
async def test_valkey_goes_on_with_the_data_of_the_redis_of_before(redis: EmbeddedRedis, kind: str) -> None:
    """Written by Redis 6.2.14: an append-only file of commands, and one that begins with a snapshot (RDB)."""
    redis.prepare()
    (redis.data / "appendonly.aof").write_bytes((SAMPLES / f"{kind}.aof").read_bytes())

    async with Supervisor() as supervisor, Redis.from_url(redis.url, decode_responses=True) as link:
        await supervisor.start(redis.part())
        kept = await link.get("bookable:kept")
        versions = await link.hgetall("bookable:availability:demo")
        jobs = await link.zrange("arq:queue", 0, -1)
        runs = await link.info("server")

    assert (kept, versions, jobs) == ("yes", {"any": "1234", "p:anna": "5678"}, ["sweep:1"])
    assert "valkey_version" in runs


def test_without_any_binary_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(NotInstalled) as missing:
        find_binary()

    assert "a valkey-server or redis-server on PATH is used" in str(missing.value)


def test_a_server_on_path_is_taken_where_the_package_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("redis-server", "valkey-server"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_binary() == tmp_path / "valkey-server"


async def test_a_killed_redis_is_started_again(redis: EmbeddedRedis) -> None:
    async with Supervisor() as supervisor:
        await supervisor.start(redis.part())
        killed = supervisor.pid("redis")

        os.kill(killed, signal.SIGKILL)

        await _until(lambda: supervisor.pid("redis") != killed and redis.is_ready())


async def test_a_part_that_cannot_start_says_its_last_words() -> None:
    part = Part(name="mute", command=[sys.executable, "-c", "print('no such luck'); raise SystemExit(3)"])

    async with Supervisor() as supervisor:
        with pytest.raises(PartFailed, match=r"mute did not start: it ended with code 3(.|\n)*no such luck"):
            await supervisor.start(replace(part, is_ready=lambda: False))


async def test_a_part_that_ignores_sigterm_is_killed(own_folder: Path) -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); open('{}', 'w'); time.sleep(60)"
    armed = own_folder / "armed"
    part = Part(
        name="stubborn",
        command=[sys.executable, "-c", stubborn.format(armed)],
        is_ready=armed.exists,
        stop=((signal.SIGTERM, 0.1),),
    )

    async with Supervisor() as supervisor:
        await supervisor.start(part)
        pid = supervisor.pid("stubborn")

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_postmaster_that_outlived_its_parent_is_stopped(postgres: EmbeddedPostgres) -> None:
    """Where the kernel does not tell a child that its parent died, the next start must see to it."""
    postgres.prepare()
    part = postgres.part()
    with subprocess.Popen(list(map(str, part.command)), user=part.user, stderr=subprocess.DEVNULL) as outliving:
        assert wait_until(postgres.is_ready, timeout_s=20)

        postgres.prepare()

        assert outliving.poll() == 0
    assert not (postgres.data / "postmaster.pid").exists()


@pytest.fixture
def stranger(postgres: EmbeddedPostgres) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of the user that Postgres runs as, and no Postgres."""
    with subprocess.Popen(["sleep", "60"], user=postgres.part().user) as process:
        yield process
        process.kill()


async def test_a_stranger_with_the_number_of_a_dead_postmaster_is_left_alone(
    postgres: EmbeddedPostgres, stranger: "subprocess.Popen[bytes]"
) -> None:
    """Postgres itself would take the stranger for a running postmaster, and refuse to start for ever."""
    postgres.prepare()
    stale = postgres.data / "postmaster.pid"
    stale.write_text(f"{stranger.pid}\n{postgres.data}\n1\n5432\n{postgres.sockets}\n\n0 0\nready   \n")

    async with Supervisor() as supervisor:
        await supervisor.start(postgres.part())

        assert postgres.sql("SELECT 1") == "1"
    assert stranger.poll() is None


async def test_a_cluster_that_was_half_made_is_made_again(postgres: EmbeddedPostgres) -> None:
    unfinished = private_folder(postgres.data.with_name("postgres.new"))
    (unfinished / "PG_VERSION").write_text("18\n")

    async with Supervisor() as supervisor:
        await supervisor.start(postgres.part())

        assert postgres.sql("SELECT 1") == "1"


def test_data_of_another_version_is_refused_in_words(postgres: EmbeddedPostgres) -> None:
    postgres.prepare()

    with pytest.raises(DataFolderUnusable, match="is of Postgres 18, this is 16"):
        replace(postgres, version=16).prepare()


async def test_a_long_data_folder_has_its_sockets_elsewhere(own_folder: Path) -> None:
    deep = own_folder / ("d" * 100)
    deep.mkdir(mode=0o711)
    postgres = EmbeddedPostgres(deep / "postgres", settings={"fsync": "off"})

    async with Supervisor() as supervisor:
        await supervisor.start(postgres.part())

        assert postgres.sql("SELECT 1") == "1"
    postgres.sockets.rmdir()


def test_a_socket_folder_of_somebody_else_is_refused(own_folder: Path) -> None:
    """In a temporary folder anybody can put a link where we will look."""
    elsewhere = own_folder / "elsewhere"
    elsewhere.mkdir()
    socket_folder(own_folder / "redis").symlink_to(elsewhere)

    with pytest.raises(DataFolderUnusable, match="belongs to somebody else"):
        EmbeddedRedis(own_folder / "redis").prepare()


def _start_up(folder: Path, port: int) -> "subprocess.Popen[str]":
    """`bookable up` in a process of its own, once it says where to click."""
    command = [sys.executable, "-m", "server.cli.main", "up", "--port", str(port), "--data-dir", str(folder)]
    parent = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **UNBUFFERED}
    )
    for line in parent.stdout:
        if "Bookable is up" in line:
            return parent
    raise AssertionError(f"it ended with code {parent.wait()}")


def _doctor(folder: Path) -> str:
    """What `bookable doctor` says, once the worker has shown a sign of life."""
    command = [sys.executable, "-m", "server.cli.main", "doctor", "--data-dir", str(folder)]
    for _ in range(20):
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        if "workers with a heartbeat: 0" not in found:
            break
    return found


def _servers(postgres: EmbeddedPostgres, redis: EmbeddedRedis) -> list[object]:
    found = [
        *leftovers.working_in(postgres.data, "postgres"),
        *leftovers.working_in(redis.data, "valkey-server"),
    ]
    return list(found)


async def _until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not fact():  # processes set no Event
            await asyncio.sleep(0.02)
