"""
Owns somebody who visits a web site with the widget, and that site.

Leaves what they do there to the tests. Things are found as people find them: by role and name.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from playwright.async_api import ConsoleMessage, Locator, Page, expect

from server.usecases.find_slots import SlotQuery, find_slots
from tests.world import World

__all__ = ["Host", "Visitor", "expect"]

PLAIN = "<!doctype html><html lang='en'><meta charset='utf-8'><title>A barber's</title><body>{body}</body></html>"


class Host:
    """A web site of somebody who embeds the widget."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.html = ""
        self.headers: dict[str, str] = {}
        self.app = web.Application()
        self.app.router.add_get("/{name:.*}", self._page)

    async def _page(self, request: web.Request) -> web.Response:
        if request.path == "/favicon.ico":
            return web.Response(status=204)
        return web.Response(text=self.html, content_type="text/html", headers=self.headers)


@dataclass
class Visitor:
    """A browser window on the site."""

    page: Page
    world: World
    host: Host
    server_url: str
    mistakes: list[str] = field(default_factory=list)
    """What the page's scripts threw, or the console complained about."""
    tolerated: tuple[str, ...] = ()
    """Parts of complaints that a test expects."""

    def __post_init__(self) -> None:
        self.page.set_default_timeout(10_000)
        self.page.on("pageerror", lambda error: self._complain(str(error)))
        self.page.on("console", self._console)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complain(message.text)

    def _complain(self, text: str) -> None:
        if not any(part in text for part in self.tolerated):
            self.mistakes.append(text)

    def snippet(self, **attributes: str) -> str:
        """The two lines that a site's owner pastes."""
        given = {"business": self.world.slug, **{name.replace("_", "-"): value for name, value in attributes.items()}}
        written = "".join(f' {name}="{value}"' for name, value in given.items())
        return (
            f'<script type="module" async src="{self.server_url}/widget/v1/bookable.js"></script>\n'
            f'<bookable-widget{written}><a href="{self.server_url}/book/{self.world.slug}">Book an appointment</a>'
            "</bookable-widget>"
        )

    async def open(self, html: str | None = None, *, headers: dict[str, str] | None = None, **attributes: str) -> None:
        """Goes to the site, whose page has the widget with *attributes*, or is *html*."""
        self.host.html = html if html is not None else PLAIN.format(body=self.snippet(**attributes))
        self.host.headers = headers or {}
        await self.page.goto(self.host.origin)

    @property
    def readable(self) -> dict[str, str]:
        """Headers of an answer that a test gives instead of the server."""
        return {"Access-Control-Allow-Origin": self.host.origin}

    def button(self, name: str | re.Pattern[str], *, exact: bool = True) -> Locator:
        """A button by its name."""
        return self.page.get_by_role("button", name=name, exact=exact).filter(visible=True)

    def heading(self, name: str) -> Locator:
        """A heading by its text."""
        return self.page.get_by_role("heading", name=name, exact=True).filter(visible=True)

    @property
    def times(self) -> Locator:
        """The buttons of the times of the day that is shown."""
        return self.page.locator("[part~=slot]")

    async def fill(self, name: str = "Robin Example", email: str = "robin@example.com") -> None:
        """Types into the form."""
        await self.page.get_by_label("Name", exact=True).fill(name)
        await self.page.get_by_label("Email", exact=True).fill(email)

    async def later_day(self) -> None:
        """Goes on to a day on which all times are free, whatever time of the day it is now."""
        await self.page.locator("[part~=turn]").last.click()
        await self.page.locator("[part~=day-free]").nth(8).click()
        await expect(self.times.first).to_be_visible()

    async def book_first(self) -> None:
        """The shortest way from the times to a booking."""
        await self.times.first.click()
        await self.fill()
        await self.button("Book").click()
        await expect(self.heading("You are booked")).to_be_visible()

    async def first_start(self) -> datetime:
        """When the first time begins that anybody is offered."""
        today = datetime.now(UTC).date()
        query = SlotQuery(
            business=self.world.slug,
            service="cut",
            provider=None,
            location=None,
            first=today,
            last=today + timedelta(days=14),
            where=None,
        )
        found = await find_slots(self.world.core, query)
        return datetime.fromtimestamp(found.slots[0][0], UTC)

    async def told(self) -> list[Any]:
        """The events that the page was told, if `listening` came first."""
        told: list[Any] = await self.page.evaluate("window.told ?? []")
        return told

    async def listening(self) -> None:
        """From the next page on, the widget's events are noted."""
        await self.page.add_init_script(
            "window.told = [];"
            "for (const name of"
            " ['ready', 'slot-selected', 'booked', 'rescheduled', 'cancelled', 'waitlisted', 'error'])"
            " addEventListener('bookable:' + name, (event) => told.push([name, event.detail]));"
        )

    async def appointments(self) -> list[Any]:
        """What is booked, by the server's own account."""
        rows = await self.world.sql(
            "SELECT status, starts_at, sequence FROM appointments"
            " WHERE business_id = $1 AND status <> 'held' ORDER BY id",
            self.world.business_id,
        )
        return [tuple(row) for row in rows]
