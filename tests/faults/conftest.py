"""The fixtures of the integration tests, and a business in a database of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.conftest import client, core, settings, world
from tests.world import World, open_core, settings_for

__all__ = ["client", "core", "own_world", "settings", "world"]


@pytest.fixture
async def own_world(own_database_url: str) -> AsyncIterator[World]:
    """A business whose database no other test sees: for what is done to tables, and for counting who waits."""
    async with open_core(settings_for(own_database_url)) as core:
        yield await World.make(core)
