"""
Owns what tests on the real parts share: a core, a business of one's own, a client of the web application.

Leaves servers to the conftest above.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.settings import Settings
from server.usecases.core import Core
from tests.world import World, open_core, settings_for


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    """Settings for this process's database and Redis."""
    return settings_for(database_url, redis_url)


@pytest.fixture
async def core(settings: Settings) -> AsyncIterator[Core]:
    """What use-cases need."""
    async with open_core(settings) as core:
        yield core


@pytest.fixture
async def world(core: Core) -> World:
    """A business with the service "cut" of the provider "anna"."""
    world = await World.make(core)
    await world.service()
    return world


@pytest.fixture
async def own_world(own_database_url: str) -> AsyncIterator[World]:
    """A business whose database no other test sees: for what concerns all of it, and for counting who waits."""
    async with open_core(settings_for(own_database_url)) as core:
        yield await World.make(core)


@pytest.fixture
async def client(settings: Settings, aiohttp_client: Callable[..., Awaitable[Any]]) -> TestClient[Any, Any]:
    """A client of the web application."""
    return await aiohttp_client(build_app(settings))
