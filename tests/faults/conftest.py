"""The fixtures of the integration tests: faults are brought about on the same real parts."""

from tests.integration.conftest import client, core, settings, world

__all__ = ["client", "core", "settings", "world"]
