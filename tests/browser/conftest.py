"""
Owns what browser tests share: Chromium, the real server on one origin, somebody's web site on another, and a visitor.

Leaves Postgres and Redis to the conftest above.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, async_playwright

from server.app import build_app
from server.settings import Settings
from tests.browser.chromium import chromium
from tests.browser.visitor import Host, Visitor
from tests.integration.conftest import client, core, settings, world
from tests.processes import free_port
from tests.world import World

__all__ = ["client", "core", "settings", "world"]


@pytest.fixture(scope="session")
def chromium_address() -> Iterator[str]:
    """One browser process for all tests of this process."""
    with chromium() as address:
        yield address


@pytest.fixture
async def browser(chromium_address: str) -> AsyncIterator[Browser]:
    """The browser; contexts of its own keep tests apart."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(chromium_address)
        yield browser
        await browser.close()


@pytest.fixture
async def server_url(settings: Settings) -> AsyncIterator[str]:
    """The real server, at its own origin."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    app = build_app(settings.model_copy(update={"http": settings.http.model_copy(update={"base_url": url})}))
    async with serving(app, port):
        yield url


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """Somebody's web site, at another origin."""
    port = free_port()
    host = Host(f"http://127.0.0.1:{port}")
    async with serving(host.app, port):
        yield host


class serving:  # noqa: N801  # reads as a phrase: async with serving(app, port):
    """An application at a port of this machine."""

    def __init__(self, app: web.Application, port: int) -> None:
        self._runner = web.AppRunner(app)
        self._port = port

    async def __aenter__(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def __aexit__(self, *error: object) -> None:
        await self._runner.cleanup()


@pytest.fixture
async def shop(world: World, host: Host) -> World:
    """
    The business of `world`, which lists the web site.

    Nothing is offered today: the first day that has times has all of them, whatever the time is now.
    """
    await world.sql(
        "UPDATE services SET min_notice_min = $2 WHERE business_id = $1", world.business_id, world.until_tomorrow_min
    )
    await world.sql("UPDATE businesses SET allowed_origins = $2 WHERE id = $1", world.business_id, [host.origin])
    return world


@pytest.fixture
async def chain(shop: World) -> World:
    """It has another place, in Lisbon, where only Ben works; he, Anna and Cleo offer a wash."""
    await shop.sql(
        "INSERT INTO locations (business_id, slug, name, timezone) VALUES ($1, 'there', 'There', 'Europe/Lisbon')",
        shop.business_id,
    )
    await shop.service("wash", providers=("anna", "cleo", "ben"))
    await shop.sql(
        "UPDATE working_hours w SET location_id = l.id FROM locations l, providers p"
        " WHERE l.business_id = $1 AND l.slug = 'there' AND p.business_id = $1 AND p.slug = 'ben'"
        "   AND w.business_id = $1 AND w.provider_id = p.id",
        shop.business_id,
    )
    return shop


@pytest.fixture
async def visitor(
    browser: Browser, server_url: str, host: Host, shop: World
) -> AsyncIterator[Callable[..., Awaitable[Visitor]]]:
    """Makes visitors of the site: `await visitor(locale="de-DE", timezone_id="Asia/Tokyo", width=390)`."""
    made: list[Visitor] = []

    async def make(*, width: int = 1280, height: int = 900, **options: Any) -> Visitor:
        given = {"locale": "en-GB", "timezone_id": "Europe/Berlin", **options}
        context = await browser.new_context(viewport={"width": width, "height": height}, **given)
        visitor = Visitor(await context.new_page(), shop, host, server_url)
        made.append(visitor)
        return visitor

    yield make
    for each in made:
        await each.page.context.close()
    for each in made:
        assert each.mistakes == [], "the page complained"
