"""
Owns the tables of when things can be booked: hours, exceptions, busy blocks.

Leaves what has been booked to `booking`.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Index, SmallInteger, String, func, text
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE, TSTZRANGE
from sqlalchemy.sql.schema import SchemaItem

from server.store.schema.base import belongs_to, tenant_table, unique_in_business, versioned


def _weekly() -> tuple[SchemaItem, ...]:
    """A weekly window: Monday is 0, minutes from local midnight; past 1440 it crosses midnight."""
    return (
        Column("weekday", SmallInteger, nullable=False),
        Column("start_min", SmallInteger, nullable=False),
        Column("end_min", SmallInteger, nullable=False),
        Column("valid_from", Date),
        Column("valid_until", Date),
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("start_min BETWEEN 0 AND 1439 AND end_min > start_min AND end_min <= 2880", name="window"),
        CheckConstraint("valid_until >= valid_from", name="validity"),
    )


working_hours = tenant_table(
    "working_hours",
    Column("provider_id", BigInteger, nullable=False),
    Column("location_id", BigInteger, nullable=False),
    *_weekly(),
    *versioned(),
    belongs_to("provider_id", "providers", ondelete="CASCADE"),
    belongs_to("location_id", "locations", ondelete="CASCADE"),
    Index("ix_working_hours_provider", "business_id", "provider_id"),
)

service_hours = tenant_table(
    "service_hours",
    Column("service_id", BigInteger, nullable=False),
    *_weekly(),
    *versioned(),
    belongs_to("service_id", "services", ondelete="CASCADE"),
    Index("ix_service_hours_service", "business_id", "service_id"),
)
"""Where a service has any, it is offered within these only, in the local time of the location."""

exceptions = tenant_table(
    "exceptions",
    Column("provider_id", BigInteger, nullable=False),
    Column("location_id", BigInteger, nullable=False),
    Column("day", Date, nullable=False),
    Column("windows", INT4MULTIRANGE, nullable=False, server_default="{}"),
    Column("reason", String(200), nullable=False, server_default=""),
    *versioned(),
    unique_in_business("provider_id", "location_id", "day"),
    belongs_to("provider_id", "providers", ondelete="CASCADE"),
    belongs_to("location_id", "locations", ondelete="CASCADE"),
    CheckConstraint("windows <@ '{[0,2880]}'::int4multirange", name="windows"),
)
"""A date that replaces the weekly hours; no windows means closed."""

busy_blocks = tenant_table(
    "busy_blocks",
    Column("provider_id", BigInteger, nullable=False),
    Column("during", TSTZRANGE, nullable=False),
    Column("source", String(16), nullable=False),
    Column("object_id", BigInteger),
    Column("reason", String(200), nullable=False, server_default=""),
    *versioned(),
    belongs_to("provider_id", "providers", ondelete="CASCADE"),
    belongs_to("object_id", "calendar_objects", ondelete="CASCADE"),
    CheckConstraint(
        "source IN ('time_off', 'calendar') AND (source = 'calendar') = (object_id IS NOT NULL)", name="source"
    ),
    Index("ix_busy_blocks_object", "business_id", "object_id", postgresql_where=text("object_id IS NOT NULL")),
    CheckConstraint(
        "NOT isempty(during) AND NOT lower_inf(during) AND NOT upper_inf(during)"
        " AND lower_inc(during) AND NOT upper_inc(during)",
        name="during",
    ),
)
Index(
    "ix_busy_blocks_provider_end",
    busy_blocks.c.business_id,
    busy_blocks.c.provider_id,
    func.upper(busy_blocks.c.during),
)
