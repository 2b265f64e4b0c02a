"""
Owns the rule that unit tests open no socket.

Leaves the rule for all tests (no outside host) to `tests/conftest`.
"""

import socket

import pytest


@pytest.fixture(autouse=True)
def _no_socket(_no_outside_host: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connecting fails. (A pair of sockets, as in every event loop, connects to nobody.)"""

    def refuse(self: socket.socket, address: object) -> None:
        raise AssertionError(f"a unit test wants to connect to {address!r}")

    for method in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, method, refuse)
