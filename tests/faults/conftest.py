"""The fixtures of the integration tests: faults are brought about on the same real parts."""

from tests.integration.conftest import client, core, own_world, settings, world

__all__ = ["client", "core", "own_world", "settings", "world"]
