"""The fixtures of the integration tests: faults are brought about on the same real parts."""

from tests.faults.calendar_wire import desk, proxy, uid
from tests.integration.conftest import client, core, own_world, settings, world

__all__ = ["client", "core", "desk", "own_world", "proxy", "settings", "uid", "world"]
