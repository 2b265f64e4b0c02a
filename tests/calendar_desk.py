"""
Owns a provider's connected calendar in a test: connecting, rounds as a worker makes them, and what is known afterwards.

Leaves the calendar servers to `peers/calendar_servers`, and what their owners do there to the tests.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

from server.settings import CalendarSettings, Settings
from server.store.connections import Calendar, Connection
from server.usecases.catalogue import Editor
from server.usecases.connecting import Draft, connect
from server.usecases.connections import Shown, choose_calendar, show
from server.usecases.dispatch import dispatch
from server.usecases.sync.turn import Tools
from server.worker.calendar_tools import open_tools
from server.worker.syncing import Syncing
from tests.world import World

LOOPBACK = (ip_network("127.0.0.0/8"),)


def calendar_settings(**changes: Any) -> CalendarSettings:
    """Settings for a test: loopback may be called, and nothing is waited for."""
    return CalendarSettings(**{"allowed_networks": LOOPBACK, "deletion_hold_s": 0, "timeout_s": 5, **changes})


def event(
    uid: str,
    start: datetime,
    minutes: int = 60,
    *,
    summary: str = "Dentist",
    lines: Sequence[str] = (),
) -> str:
    """An event as a calendar app writes it."""
    written = "%Y%m%dT%H%M%SZ"
    return "\r\n".join(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//Somebody//Their App 1.0//EN",
            "BEGIN:VEVENT",
            f"UID:{uid}",
            f"DTSTAMP:{datetime.now(UTC).strftime(written)}",
            f"DTSTART:{start.astimezone(UTC).strftime(written)}",
            f"DTEND:{(start + timedelta(minutes=minutes)).astimezone(UTC).strftime(written)}",
            f"SUMMARY:{summary}",
            *lines,
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        ]
    )


@dataclass
class Desk:
    """The rounds of one business's connections, made when the test says so."""

    world: World
    tools: Tools
    syncing: Syncing

    @property
    def editor(self) -> Editor:
        return Editor(name="test", business=self.world.slug, business_id=self.world.business_id)

    async def connect(
        self,
        url: str,
        user: str,
        password: str,
        *,
        provider: str = "anna",
        calendar: str | None = None,
        blocks: bool = True,
        receives: bool = True,
        **options: Any,
    ) -> UUID:
        """Connects an account, and uses the calendar whose address ends with *calendar*, or its first one."""
        draft = Draft(
            provider=provider, service="caldav", name="", url=url, user=user, password=password, options=options
        )
        shown = await connect(self.world.core, self.tools.accounts, self.editor, draft)
        uid = shown.connection.uid
        chosen = next(each for each in shown.calendars if calendar is None or each.href.endswith(f"/{calendar}/"))
        await choose_calendar(self.world.core, self.editor, uid, chosen.uid, blocks=blocks, receives=receives)
        await self.round()  # before that nobody knows what is in it, and nothing can be booked
        return uid

    async def subscribe(self, url: str, *, provider: str = "anna") -> UUID:
        """Connects a published file, whose events block."""
        draft = Draft(provider=provider, service="ics", name="", url=url, user="", password="", options={})
        shown = await connect(self.world.core, self.tools.accounts, self.editor, draft)
        await self.round()
        return shown.connection.uid

    async def round(self, times: int = 1) -> None:
        """Tells what is to be told, then makes a round with every connection of the business."""
        for _ in range(times):
            await self.tell()
            await self.world.sql(
                "UPDATE connections SET due_at = clock_timestamp(), leased_until = NULL WHERE business_id = $1",
                self.world.business_id,
            )
            await self.world.sql("DELETE FROM calendar_peers")
            for row in await self.world.sql(
                "SELECT id FROM connections WHERE business_id = $1", self.world.business_id
            ):
                await self.syncing.sync((self.world.business_id, row["id"]))
            await self.syncing.finish()
        await self.tell()

    async def tell(self) -> None:
        """Tells what is to be told."""
        while await dispatch(self.world.core):
            pass

    async def shown(self, uid: UUID) -> Shown:
        """The connection with this id."""
        return await show(self.world.core, self.world.business_id, uid)

    async def connection(self, uid: UUID) -> Connection:
        """How the connection stands."""
        return (await self.shown(uid)).connection

    async def calendar(self, uid: UUID) -> Calendar:
        """The calendar that is used."""
        return next(each for each in (await self.shown(uid)).calendars if each.blocks or each.receives)

    async def busy(self, provider: str = "anna") -> list[tuple[datetime, datetime]]:
        """The busy time from calendars, in order."""
        rows = await self.world.sql(
            "SELECT lower(b.during) AS start, upper(b.during) AS finish FROM busy_blocks b"
            " JOIN providers p ON p.business_id = b.business_id AND p.id = b.provider_id"
            " WHERE b.business_id = $1 AND p.slug = $2 AND b.source = 'calendar' ORDER BY 1, 2",
            self.world.business_id,
            provider,
        )
        return [(row["start"], row["finish"]) for row in rows]

    async def appointment(self, uid: UUID) -> Any:
        """Status, start, sequence of an appointment."""
        rows = await self.world.sql(
            "SELECT status, starts_at AS start, sequence FROM appointments WHERE business_id = $1 AND uid = $2",
            self.world.business_id,
            uid,
        )
        return rows[0]

    async def facts(self, kind: str) -> list[dict[str, Any]]:
        """What was told of this kind, in order."""
        rows = await self.world.sql(
            "SELECT payload FROM outbox WHERE business_id = $1 AND kind = $2 ORDER BY id", self.world.business_id, kind
        )
        return [row["payload"] for row in rows]

    async def log(self, uid: UUID) -> list[Any]:
        """The log of a connection, the oldest entry first."""
        return list(
            await self.world.sql(
                "SELECT l.outcome, l.counts, l.detail, l.problems FROM sync_log l"
                " JOIN connections c ON c.business_id = l.business_id AND c.id = l.connection_id"
                " WHERE l.business_id = $1 AND c.uid = $2 ORDER BY l.id",
                self.world.business_id,
                uid,
            )
        )


@asynccontextmanager
async def open_desk(world: World, settings: Settings, **changes: Any) -> AsyncIterator[Desk]:
    """A desk for *world*, with these calendar settings."""
    settings = settings.model_copy(update={"calendar": calendar_settings(**changes)})
    async with open_tools(settings, world.core) as tools:
        syncing = Syncing(tools, settings.worker)
        try:
            yield Desk(world, tools, syncing)
        finally:
            async with asyncio.timeout(10):
                await syncing.finish()
