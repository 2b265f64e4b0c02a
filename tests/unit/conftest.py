"""
Owns the rule that unit tests open no socket, and which of them start servers or child processes all the same.

Leaves the rule for all tests (no outside host) to `tests/conftest`.
"""

import multiprocessing.process
import socket
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
WITH_SERVERS = ("ics/remote", "peers", "ics/read/test_expander.py", "ics/test_ical_js.py")
"""Calendar servers in this process, an expander's children, Node: marked `servers`, and not part of `make quick`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what starts servers."""
    places = tuple(HERE / each for each in WITH_SERVERS)
    for item in items:
        if any(item.path.is_relative_to(place) for place in places):
            item.add_marker("servers")


@pytest.fixture(autouse=True)
def _no_socket(request: pytest.FixtureRequest, _no_outside_host: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connecting fails. (A pair of sockets, as in every event loop, connects to nobody.) So does starting anything."""

    def refuse(self: object, *arguments: object, **more: object) -> None:
        raise AssertionError(f"a pure test wants to connect to, listen at or start {arguments or self!r}")

    for method in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, method, refuse)
    if request.node.get_closest_marker("servers") is None:
        monkeypatch.setattr(socket.socket, "bind", refuse)
        monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
        monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", refuse)
