"""
Owns the business that `bookable prove` races for, and counting what came of it.

Leaves the racing to `cli/prove`: it goes over HTTP, like everybody's bookings.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from server.store import schema
from server.store.businesses import add, count_active, count_doubles, delete_business, delete_leftovers
from server.store.engine import Session
from server.usecases.core import Core

PREFIX = "prove-"
SERVICES = {"half-hour": 30, "three-quarters": 45}
"""Services of one provider whose lengths overlap."""


@dataclass(frozen=True, slots=True)
class Arena:
    """A business that nobody needs, with one provider who works around the clock."""

    business_id: int
    slug: str


@asynccontextmanager
async def arena(core: Core) -> AsyncIterator[Arena]:
    """A business to race for; deleted afterwards, as are those that a killed run left behind."""
    slug = PREFIX + secrets.token_hex(6)

    async def make(session: Session) -> int:
        await delete_leftovers(session, PREFIX)
        return await _make(session, slug)

    made = Arena(await core.database.transact(make), slug)
    try:
        yield made
    finally:
        await core.database.transact(lambda session: delete_business(session, made.business_id))


async def _make(session: Session, slug: str) -> int:
    business = await add(session, schema.businesses, slug=slug, name="Made by `bookable prove`")
    location = await add(session, schema.locations, business_id=business, slug="here", name="Here", timezone="Etc/UTC")
    resource = await add(session, schema.resources, business_id=business, slug="one", name="One", kind="provider")
    provider = await add(session, schema.providers, business_id=business, slug="one", name="One", resource_id=resource)
    for name, minutes in SERVICES.items():
        service = await add(
            session,
            schema.services,
            business_id=business,
            slug=name,
            name=name,
            duration_min=minutes,
            slot_step_min=15,
            min_notice_min=0,
            change_window_min=0,
        )
        await add(session, schema.provider_services, business_id=business, provider_id=provider, service_id=service)
    for weekday in range(7):
        await add(
            session,
            schema.working_hours,
            business_id=business,
            provider_id=provider,
            location_id=location,
            weekday=weekday,
            start_min=0,
            end_min=1440,
        )
    return business


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the database says after the race."""

    appointments: int
    doubles: int


async def judge(core: Core, business_id: int) -> Verdict:
    """Counts appointments that own time, and claims that overlap."""
    async with core.database.reading() as session:
        return Verdict(await count_active(session, business_id), await count_doubles(session, business_id))
