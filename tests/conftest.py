"""
Owns what every test can ask for: databases, Redis, servers to kill.

Leaves running them to `services`. No test reaches an outside host; unit tests open no socket (`unit/conftest`).
"""

import ipaddress
import itertools
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import RUN_FOLDER, PostgresServer, RedisServer, TestRun, in_thread, short_folder

RUN = pytest.StashKey[TestRun]()
NUMBERS = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """Join the run, or begin one; nothing is started before a test needs it."""
    for name in [name for name in os.environ if name.startswith("BOOKABLE_") and not name.startswith("BOOKABLE_TEST_")]:
        del os.environ[name]  # a developer's own settings
    run = config.stash[RUN] = TestRun.join()
    os.environ[RUN_FOLDER] = str(run.folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what this process started."""
    run = config.stash[RUN]
    run.stop()
    if not hasattr(config, "workerinput"):
        os.environ.pop(RUN_FOLDER, None)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI nothing may be skipped: what was not run was not found right."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter is not None else []
    if os.environ.get("CI") and skipped and not hasattr(session.config, "workerinput"):
        reporter.write_line(f"\n{len(skipped)} tests were skipped, which CI does not allow", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: object, ids: list[str]) -> None:
    """
    In the controller, before the first test: start the servers if any test may want them.

    The workers cannot: a server dies with the process that started it, and one worker may end before another.
    """
    if any(not name.startswith("tests/unit/") for name in ids):
        node.config.stash[RUN].start()  # type: ignore[attr-defined]  # xdist's WorkerController


@pytest.fixture(scope="session")
def test_run(request: pytest.FixtureRequest) -> TestRun:
    """The servers of this run; `test_run.empty_database(name)` is a database without tables."""
    return request.config.stash[RUN]


@pytest.fixture(scope="session")
def database_url(test_run: TestRun, worker_id: str) -> str:
    """A migrated database for all tests of this process: make a business of your own in it."""
    return test_run.clone(f"bookable_{worker_id}")


@pytest.fixture
def own_database_url(test_run: TestRun, worker_id: str) -> Iterator[str]:
    """A migrated database for this test alone."""
    name = f"bookable_{worker_id}_{next(NUMBERS)}"
    yield test_run.clone(name)
    test_run.drop(name)


@pytest.fixture
def empty_database_url(test_run: TestRun, worker_id: str) -> Iterator[str]:
    """A database without any table, for this test alone."""
    name = f"empty_{worker_id}_{next(NUMBERS)}"
    yield test_run.empty_database(name)
    test_run.drop(name)


@pytest.fixture
def redis_url(test_run: TestRun, worker_id: str) -> str:
    """An empty Redis database, of this process alone."""
    number = 0 if worker_id == "master" else int(worker_id.removeprefix("gw")) + 1
    test_run.flush_redis(number)
    return test_run.redis_url(number)


@pytest.fixture
def own_redis(own_folder: Path) -> Iterator[RedisServer]:
    """A Redis server for this test alone, which it may kill, pause, flush and restart; it keeps an append-only file."""
    server = RedisServer(own_folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_postgres(own_folder: Path) -> Iterator[PostgresServer]:
    """A Postgres server for this test alone, migrated, which it may kill and restart: what was committed stays."""
    from server.store.migrate import migrate

    server = PostgresServer(own_folder)
    server.start()
    server.embedded.create_database()
    in_thread(migrate(server.url))
    yield server
    server.stop()


@pytest.fixture
def own_folder() -> Iterator[Path]:
    """A folder with a short path, where servers can have their sockets."""
    folder = short_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def _no_outside_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections and look-ups that leave this machine fail."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connect_here(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX and not _is_loopback(address[0]):
            raise AssertionError(f"a test wants to reach {address}")
        connect(self, address)

    def look_up_here(host: str | None, *args: object, **kwargs: object) -> object:
        if host is not None and host != "localhost" and not _is_address(host):
            raise AssertionError(f"a test wants to look up {host}")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", connect_here)
    monkeypatch.setattr(socket, "getaddrinfo", look_up_here)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
