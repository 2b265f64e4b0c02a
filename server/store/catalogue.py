"""
Owns the table of managed collections: which fields each has, what it refers to, how its fields are stored.

Leaves what is done with them to `collection`, and the shapes of their values to `web/shapes`.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import ColumnElement, DateTime, Table, Text, cast, delete, func, insert, literal_column, select, update

from server.domain.blocks import BlockKind
from server.domain.channels import Channel, Recipient
from server.domain.errors import Conflict, NoPhone
from server.store import schema
from server.store.collection import Collection, Columns, Reference, Values
from server.store.engine import Session
from server.store.locks import key_of

_NOT_A_PROVIDER = (schema.resources.c.kind != "provider",)

PROVIDER = Reference(schema.providers)
LOCATION = Reference(schema.locations)
SERVICE = Reference(schema.services)
RESOURCE = Reference(schema.resources, _NOT_A_PROVIDER)
BOOKED = {"provider": PROVIDER, "location": LOCATION, "service": SERVICE}
"""What an appointment refers to."""

# Typed, because SQLAlchemy takes lower() and upper() for functions of text.
_BUSY_FROM = func.lower(schema.busy_blocks.c.during, type_=DateTime(timezone=True))
_BUSY_UNTIL = func.upper(schema.busy_blocks.c.during, type_=DateTime(timezone=True))

_STAMPS = ("created_at", "updated_at")


def _columns_of(table: Table, *names: str) -> dict[str, ColumnElement[Any]]:
    return {name: table.c[name] for name in names}


def _all_but(table: Table, *left_out: str) -> dict[str, ColumnElement[Any]]:
    return {c.name: c for c in table.c if c.name not in {"id", "business_id", "version", *left_out}}


def _weekly(table: Table) -> dict[str, ColumnElement[Any]]:
    return _columns_of(table, "weekday", "start_min", "end_min", "valid_from", "valid_until", *_STAMPS)


async def _make_time(session: Session, business_id: int, values: Values) -> Columns:
    """The resource that stands for a provider's time."""
    r = schema.resources
    row = {"business_id": business_id, "slug": values["slug"], "name": values["name"], "kind": "provider"}
    return {"resource_id": await session.value(insert(r).values(**row).returning(r.c.id))}


async def _follow_provider(session: Session, business_id: int, columns: Columns) -> None:
    """A provider's resource is renamed, retired and deleted with them."""
    r, p = schema.resources, schema.providers
    if "deleted" in columns:
        mine = (r.c.business_id == business_id, r.c.id == columns["deleted"]["resource_id"])
        await session.execute(delete(r).where(*mine))
        return
    theirs = select(p.c.resource_id).where(p.c.business_id == business_id, p.c.id == columns["id"]).scalar_subquery()
    new = {name: columns[name] for name in ("name", "active") if name in columns}
    await session.execute(update(r).where(r.c.business_id == business_id, r.c.id == theirs).values(**new))


_WITHOUT_PHONE = f"""
SELECT p.name AS provider, s.name AS service
  FROM provider_services ps
  JOIN providers p ON p.business_id = ps.business_id AND p.id = ps.provider_id AND p.active AND p.phone = ''
  JOIN services s ON s.business_id = ps.business_id AND s.id = ps.service_id AND s.active
 WHERE ps.business_id = $1
   AND s.reminders @> '[{{"channel": "{Channel.SMS}", "recipient": "{Recipient.PROVIDER}"}}]'
 LIMIT 1
"""


async def _check_phones(session: Session, business_id: int, *, pointer: str) -> None:
    """A reminder by text message has a number to go to; *pointer* is where the edit could give one, or ask for less."""
    row = await session.first(_WITHOUT_PHONE, business_id)
    if row is not None:
        raise NoPhone(provider=row["provider"], service=row["service"], pointer=pointer)


async def _check_slug_of_resource(session: Session, business_id: int, values: Values) -> Columns:
    """The table lets a room and a device share a slug, which URLs cannot."""
    r = schema.resources
    await session.execute("SELECT pg_advisory_xact_lock($1)", key_of("resource", business_id, values["slug"]))
    same = (r.c.business_id == business_id, r.c.slug == values["slug"], *_NOT_A_PROVIDER)
    if await session.value(select(r.c.id).where(*same)):
        raise Conflict("There is already a resource like this.")
    return {}


def _during(values: Values) -> Columns:
    return {"during": asyncpg.Range(values["start"], values["end"]), "reason": values["reason"]}


def _network_of(values: Values) -> Columns:
    """What is compared as a network, beside how it is written."""
    return {"network": values["value"] if values["kind"] == BlockKind.NETWORK else None}


def _windows(values: Values) -> Columns:
    return {**values, "windows": [asyncpg.Range(start, end) for start, end in values["windows"]]}


BUSINESS = Collection(
    subject="business",
    table=schema.businesses,
    key="slug",
    fields=_all_but(schema.businesses, "catalogue_version", "surge_told_at", "guarded_until"),
)
LOCATIONS = Collection(
    subject="location",
    table=schema.locations,
    key="slug",
    fields=_all_but(schema.locations),
)
PROVIDERS = Collection(
    subject="provider",
    table=schema.providers,
    key="slug",
    fields=_all_but(schema.providers, "resource_id"),
    first=_make_time,
    after=_follow_provider,
    check=partial(_check_phones, pointer="/phone"),
)
SERVICES = Collection(
    subject="service",
    table=schema.services,
    key="slug",
    fields=_all_but(schema.services),
    check=partial(_check_phones, pointer="/reminders"),
)
RESOURCES = Collection(
    subject="resource",
    table=schema.resources,
    key="slug",
    fields=_all_but(schema.resources, "location_id"),
    references={"location": LOCATION},
    only=_NOT_A_PROVIDER,
    first=_check_slug_of_resource,
    needed_by={schema.service_resources.c.resource_id: "Services need it"},
)
HOURS = Collection(
    subject="working hours",
    table=schema.working_hours,
    fields=_weekly(schema.working_hours),
    references={"provider": PROVIDER, "location": LOCATION},
)
SERVICE_HOURS = Collection(
    subject="service hours",
    table=schema.service_hours,
    fields=_weekly(schema.service_hours),
    references={"service": SERVICE},
)
EXCEPTIONS = Collection(
    subject="exception",
    table=schema.exceptions,
    fields={
        **_columns_of(schema.exceptions, "day", "reason", *_STAMPS),
        "windows": literal_column(
            "(SELECT coalesce(json_agg(json_build_array(lower(part), upper(part)) ORDER BY part), '[]')"
            " FROM unnest(exceptions.windows) part)"
        ),
    },
    references={"provider": PROVIDER, "location": LOCATION},
    to_columns=_windows,
    filters={
        "first": lambda day: schema.exceptions.c.day >= day,
        "last": lambda day: schema.exceptions.c.day <= day,
    },
)
TIME_OFF = Collection(
    subject="time off",
    table=schema.busy_blocks,
    fields={
        **_columns_of(schema.busy_blocks, "reason", *_STAMPS),
        "start": _BUSY_FROM,
        "end": _BUSY_UNTIL,
    },
    references={"provider": PROVIDER},
    to_columns=_during,
    only=(schema.busy_blocks.c.source == "time_off",),
    fixed={"source": "time_off"},
    filters={
        "first": lambda moment: moment < _BUSY_UNTIL,
        "last": lambda moment: moment > _BUSY_FROM,
    },
)
BLOCKS = Collection(
    subject="block",
    table=schema.blocks,
    fields=_all_but(schema.blocks, "network"),
    to_columns=lambda values: {**values, **_network_of(values)},
)
PROVIDER_SERVICES = Collection(
    subject="link of provider and service",
    table=schema.provider_services,
    fields=_all_but(schema.provider_services, "provider_id", "service_id"),
    references={"provider": PROVIDER, "service": SERVICE},
    check=partial(_check_phones, pointer="/provider"),
)
SERVICE_RESOURCES = Collection(
    subject="link of service and resource",
    table=schema.service_resources,
    fields=_all_but(schema.service_resources, "service_id", "resource_id"),
    references={"service": SERVICE, "resource": RESOURCE},
)
CUSTOMERS = Collection(
    subject="customer",
    table=schema.customers,
    # As text: JSON has no UUID.
    fields={**_all_but(schema.customers), "uid": cast(schema.customers.c.uid, Text)},
)
AUDIT = Collection(
    subject="audit entry",
    table=schema.audit_entries,
    fields=_all_but(schema.audit_entries),
    newest_first=True,
)
API_KEYS = Collection(
    subject="API key",
    table=schema.api_keys,
    fields=_all_but(schema.api_keys, "key_hash"),
    ended=schema.api_keys.c.revoked_at,
)

COLLECTIONS: Sequence[Collection] = (
    BUSINESS,
    LOCATIONS,
    PROVIDERS,
    SERVICES,
    RESOURCES,
    HOURS,
    SERVICE_HOURS,
    EXCEPTIONS,
    TIME_OFF,
    BLOCKS,
    PROVIDER_SERVICES,
    SERVICE_RESOURCES,
    CUSTOMERS,
    AUDIT,
    API_KEYS,
)
