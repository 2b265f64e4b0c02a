"""
Owns a fresh business per test: its people, services and hours, and short ways to book there.

Leaves servers to `services` and HTTP to whoever asks for a client.
"""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from server.domain.appointment import Booked, CustomerDetails, Held, Order, SlotChoice
from server.domain.lifecycle import Actor
from server.domain.terms import Terms
from server.redis.changes import Changes
from server.redis.connection import RedisLink
from server.redis.listeners import Listeners
from server.settings import DatabaseSettings, LimitSettings, RedisSettings, SecretSettings, Settings
from server.store.engine import Database
from server.store.offers import OfferBook
from server.tokens import Vault, new_api_key, token_hash
from server.usecases.book import book
from server.usecases.core import Core
from server.usecases.hold import hold
from server.usecases.once import Once

SECRET = "a-secret-that-only-the-tests-know-0123456789"


def settings_for(database_url: str, redis_url: str | None = None, **groups: Any) -> Settings:
    """Settings for a test: no rate limits on loopback unless the test asks for them."""
    given: dict[str, Any] = {
        "database": DatabaseSettings(url=database_url),
        "redis": RedisSettings(url=redis_url),
        "limit": LimitSettings(exempt="127.0.0.0/8,::1"),
        "secret": SecretSettings(keys=SECRET),
        **groups,
    }
    return Settings(**given)


@asynccontextmanager
async def open_core(settings: Settings) -> AsyncIterator[Core]:
    """What use-cases need, without a web process."""
    database = await Database.open(settings.database)
    link = RedisLink(settings.redis)
    vault = Vault([key.get_secret_value() for key in settings.secret.keys])
    yield Core(database, OfferBook(), vault, Changes(link, Listeners(None)), settings.booking)
    await database.close()
    await link.close()


def no_key(status: int = 201) -> Once[Any]:
    """A request without an Idempotency-Key."""
    return Once(None, status, lambda _: b"")


@dataclass
class World:
    """A business of its own, in a zone with daylight saving, and what happens in it."""

    core: Core
    business_id: int
    slug: str
    location_id: int
    zone: ZoneInfo
    api_key: str

    @classmethod
    async def make(cls, core: Core, *, timezone: str = "Europe/Berlin", origins: Sequence[str] = ()) -> "World":
        """A business with one location and a key that may manage it."""
        slug = "w-" + secrets.token_hex(6)
        key, prefix = new_api_key()
        async with core.database.reading() as session:
            business_id = await session.value(
                "INSERT INTO businesses (slug, name, allowed_origins) VALUES ($1, $1, $2) RETURNING id",
                slug,
                list(origins),
            )
            location_id = await session.value(
                "INSERT INTO locations (business_id, slug, name, timezone)"
                " VALUES ($1, 'here', 'Here', $2) RETURNING id",
                business_id,
                timezone,
            )
            await session.execute(
                "INSERT INTO api_keys (business_id, name, prefix, key_hash, scopes)"
                " VALUES ($1, 'all', $2, $3, '{manage}')",
                business_id,
                prefix,
                token_hash(key),
            )
        return cls(core, business_id, slug, location_id, ZoneInfo(timezone), key)

    @property
    def auth(self) -> dict[str, str]:
        """The header of a caller who may manage this business."""
        return {"Authorization": f"Bearer {self.api_key}"}

    async def sql(self, query: str, *values: object) -> Any:
        """The rows of *query*."""
        async with self.core.database.reading() as session:
            return await session.fetch(query, *values)

    async def service(self, slug: str = "cut", *, providers: Sequence[str] = ("anna",), **columns: Any) -> int:
        """A service of half an hour without notice, and *providers* who offer it, made as needed; its id."""
        values = {"duration_min": 30, "min_notice_min": 0, "horizon_days": 90, "change_window_min": 0, **columns}
        service_id = await self._insert("services", slug=slug, name=slug.title(), **values)
        for provider in providers:
            found = await self.sql(
                "SELECT id FROM providers WHERE business_id = $1 AND slug = $2", self.business_id, provider
            )
            provider_id = found[0]["id"] if found else await self.provider(provider)
            await self._insert("provider_services", provider_id=provider_id, service_id=service_id)
        return service_id

    async def own_terms(self, provider: str, service: str, **columns: Any) -> None:
        """*provider* takes another time or price for *service*."""
        changes = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, 4))
        await self.sql(
            f"UPDATE provider_services ps SET {changes} FROM providers p, services s"
            " WHERE ps.business_id = $1 AND p.business_id = $1 AND s.business_id = $1 AND p.id = ps.provider_id"
            " AND s.id = ps.service_id AND p.slug = $2 AND s.slug = $3",
            self.business_id,
            provider,
            service,
            *columns.values(),
        )

    async def provider(
        self,
        slug: str,
        *,
        windows: Sequence[tuple[int, int]] = ((540, 1020),),
        days: Sequence[int] = range(7),
        **columns: Any,
    ) -> int:
        """A provider who works every day from nine to five; their id."""
        resource_id = await self._insert("resources", slug=slug, name=slug, kind="provider")
        provider_id = await self._insert("providers", slug=slug, name=slug.title(), resource_id=resource_id, **columns)
        for weekday in days:
            for start, end in windows:
                await self._insert(
                    "working_hours",
                    provider_id=provider_id,
                    location_id=self.location_id,
                    weekday=weekday,
                    start_min=start,
                    end_min=end,
                )
        return provider_id

    async def room(self, slug: str, service_id: int, *, need: str = "room") -> int:
        """A room that *service_id* needs; rooms with one need are alternatives. Its id."""
        resource_id = await self._insert("resources", slug=slug, name=slug, kind="room")
        await self._insert("service_resources", service_id=service_id, resource_id=resource_id, need=need)
        return resource_id

    async def _insert(self, table: str, **values: Any) -> int:
        columns = ", ".join(values)
        marks = ", ".join(f"${n}" for n in range(2, len(values) + 2))
        rows = await self.sql(
            f"INSERT INTO {table} (business_id, {columns}) VALUES ($1, {marks}) RETURNING id",
            self.business_id,
            *values.values(),
        )
        return int(rows[0]["id"])

    @property
    def until_tomorrow_min(self) -> int:
        """Minutes until the local day after today begins: as notice, it leaves whole days only."""
        now = datetime.now(self.zone)
        midnight = datetime.combine(now.date() + timedelta(days=1), time(0), self.zone)
        return int((midnight - now).total_seconds() // 60) + 1

    def at(self, hour: int, minute: int = 0, *, days: int = 7) -> datetime:
        """That local time, so many days from today, as aware UTC."""
        day = datetime.now(self.zone).date() + timedelta(days=days)
        return datetime.combine(day, time(hour, minute), self.zone).astimezone(UTC)

    def choice(self, start: datetime, *, service: str = "cut", provider: str | None = "anna") -> SlotChoice:
        """A time of a service."""
        return SlotChoice(business=self.slug, service=service, provider=provider, start=start)

    def customer(self, email: str | None = None) -> CustomerDetails:
        """Somebody who books."""
        return CustomerDetails(
            name="Robin Example",
            email=email or f"{secrets.token_hex(4)}@example.com",
            timezone=self.zone.key,
        )

    async def book(
        self,
        start: datetime,
        *,
        service: str = "cut",
        provider: str | None = "anna",
        email: str | None = None,
        held: Held | None = None,
        terms: Terms | None = None,
        actor: Actor = Actor.CUSTOMER,
    ) -> Booked:
        """Books through the use-case."""
        order = Order(
            choice=self.choice(start, service=service, provider=provider),
            customer=self.customer(email),
            hold=held.token if held else None,
            terms=terms,
            actor=actor,
        )
        booked = await book(self.core, order, no_key())
        assert isinstance(booked, Booked)
        return booked

    async def hold(self, start: datetime, *, service: str = "cut", provider: str | None = "anna") -> Held:
        """Holds through the use-case."""
        held = await hold(self.core, self.choice(start, service=service, provider=provider), no_key())
        assert isinstance(held, Held)
        return held

    def order_json(
        self, start: datetime, *, service: str = "cut", provider: str | None = "anna", **more: Any
    ) -> dict[str, Any]:
        """A booking as a widget would send it."""
        customer = {"name": "Robin Example", "email": f"{secrets.token_hex(4)}@example.com", "timezone": self.zone.key}
        order: dict[str, Any] = {"service": service, "start": start.isoformat(), "customer": customer, **more}
        if provider is not None:
            order["provider"] = provider
        return order

    async def doubles(self) -> int:
        """
        Pairs of living appointments of one provider that overlap, buffers included; what must always be 0.

        Asked of the appointments themselves: claims cannot overlap, but an appointment can have lost its claim.
        """
        rows = await self.sql(
            """
            WITH taken AS (
                SELECT a.id, a.provider_id,
                       tstzrange(a.starts_at - s.buffer_before_min * interval '1 min',
                                 a.ends_at + s.buffer_after_min * interval '1 min') AS during
                  FROM appointments a
                  JOIN services s ON s.business_id = a.business_id AND s.id = a.service_id
                 WHERE a.business_id = $1 AND a.status IN ('pending', 'confirmed', 'completed', 'no_show'))
            SELECT count(*) FROM taken x JOIN taken y
                ON x.provider_id = y.provider_id AND x.id < y.id AND x.during && y.during
            """,
            self.business_id,
        )
        return int(rows[0][0])

    async def misclaimed(self) -> list[tuple[int, str]]:
        """Appointments, with their status, that do not own exactly what they should; what must always be empty."""
        rows = await self.sql(
            """
            SELECT a.id, a.status
              FROM appointments a
              JOIN services s ON s.business_id = a.business_id AND s.id = a.service_id
              JOIN providers p ON p.business_id = a.business_id AND p.id = a.provider_id
              LEFT JOIN claims c ON c.business_id = a.business_id AND c.appointment_id = a.id
             WHERE a.business_id = $1 AND a.status <> 'held'
             GROUP BY a.id, a.status, s.id
            HAVING CASE WHEN a.status IN ('cancelled', 'declined', 'expired') THEN count(c.id) > 0 ELSE
                   count(c.id) <> 1 + (SELECT count(DISTINCT need) FROM service_resources r
                                        WHERE r.business_id = $1 AND r.service_id = s.id)
                OR count(*) FILTER (WHERE c.resource_id = p.resource_id) <> 1
                OR bool_or(c.expires_at IS NOT NULL
                    OR c.during <> tstzrange(a.starts_at - s.buffer_before_min * interval '1 min',
                                             a.ends_at + s.buffer_after_min * interval '1 min')) END
            """,
            self.business_id,
        )
        return [(row["id"], row["status"]) for row in rows]
