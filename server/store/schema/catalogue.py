"""
Owns the tables of what can be booked: places, people, rooms, services.

Leaves when they can be booked to `hours`.
"""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Float, Index, Integer, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from server.store.schema.base import SLUG_PATTERN, belongs_to, tenant_table, unique_in_business, versioned

_SLUG = f"slug ~ '{SLUG_PATTERN}'"

locations = tenant_table(
    "locations",
    Column("slug", String(63), nullable=False),
    Column("name", String(200), nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("online", Boolean, nullable=False, server_default=text("false")),
    Column("address", String(500), nullable=False, server_default=""),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("holiday_country", String(2)),
    Column("holiday_subdivision", String(10)),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    *versioned(),
    unique_in_business("slug"),
    CheckConstraint(_SLUG, name="slug"),
    CheckConstraint("timezone <> ''", name="timezone"),
    CheckConstraint("latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180", name="coordinates"),
    CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="both_coordinates"),
    CheckConstraint("holiday_subdivision IS NULL OR holiday_country IS NOT NULL", name="holidays"),
)

resources = tenant_table(
    "resources",
    Column("slug", String(63), nullable=False),
    Column("name", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("location_id", BigInteger),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    *versioned(),
    unique_in_business("kind", "slug"),
    belongs_to("location_id", "locations"),
    CheckConstraint(_SLUG, name="slug"),
    CheckConstraint("kind IN ('provider', 'room', 'device')", name="kind"),
)

providers = tenant_table(
    "providers",
    Column("slug", String(63), nullable=False),
    Column("name", String(200), nullable=False),
    Column("title", String(200), nullable=False, server_default=""),
    Column("bio", Text, nullable=False, server_default=""),
    Column("email", String(254), nullable=False, server_default=""),
    Column("phone", String(32), nullable=False, server_default=""),
    Column("locale", String(35), nullable=False, server_default=""),
    Column("resource_id", BigInteger, nullable=False),
    Column("daily_cap", Integer),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    *versioned(),
    unique_in_business("slug"),
    unique_in_business("resource_id"),
    belongs_to("resource_id", "resources"),
    CheckConstraint(_SLUG, name="slug"),
    CheckConstraint("daily_cap > 0", name="daily_cap"),
)
"""No `locale` means the business's."""

services = tenant_table(
    "services",
    Column("slug", String(63), nullable=False),
    Column("name", String(200), nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("duration_min", Integer, nullable=False),
    Column("buffer_before_min", Integer, nullable=False, server_default=text("0")),
    Column("buffer_after_min", Integer, nullable=False, server_default=text("0")),
    Column("slot_step_min", Integer, nullable=False, server_default=text("30")),
    Column("min_notice_min", Integer, nullable=False, server_default=text("60")),
    Column("horizon_days", Integer, nullable=False, server_default=text("90")),
    Column("price_minor", Integer, nullable=False, server_default=text("0")),
    Column("capacity", Integer, nullable=False, server_default=text("1")),
    Column("approval", String(16), nullable=False, server_default="automatic"),
    Column("reapproval", Boolean, nullable=False, server_default=text("true")),
    Column("payment", String(16), nullable=False, server_default="on_site"),
    Column("per_customer_limit", Integer),
    Column("change_window_min", Integer, nullable=False, server_default=text("1440")),
    Column("cancel_fee_minor", Integer, nullable=False, server_default=text("0")),
    Column("phone_required", Boolean, nullable=False, server_default=text("false")),
    Column("questions", JSONB, nullable=False, server_default=text("'[]'")),
    Column("reminders", JSONB, nullable=False, server_default=text("'[]'")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    *versioned(),
    unique_in_business("slug"),
    CheckConstraint(_SLUG, name="slug"),
    CheckConstraint("duration_min BETWEEN 1 AND 2880", name="duration"),
    CheckConstraint("buffer_before_min BETWEEN 0 AND 1440", name="buffer_before"),
    CheckConstraint("buffer_after_min BETWEEN 0 AND 1440", name="buffer_after"),
    CheckConstraint("slot_step_min BETWEEN 1 AND 1440", name="slot_step"),
    CheckConstraint("min_notice_min BETWEEN 0 AND 525600", name="min_notice"),
    CheckConstraint("horizon_days BETWEEN 1 AND 730", name="horizon"),
    CheckConstraint("price_minor >= 0 AND cancel_fee_minor >= 0", name="money"),
    CheckConstraint("capacity BETWEEN 1 AND 1000", name="capacity"),
    CheckConstraint("approval IN ('automatic', 'manual')", name="approval"),
    CheckConstraint("payment IN ('on_site', 'online')", name="payment"),
    # A place in a class is taken or not; asking the provider for each one is not offered.
    CheckConstraint("approval = 'automatic' OR capacity = 1", name="class_approval"),
    CheckConstraint("per_customer_limit > 0", name="per_customer_limit"),
    CheckConstraint("change_window_min BETWEEN 0 AND 525600", name="change_window"),
)

provider_services = tenant_table(
    "provider_services",
    Column("provider_id", BigInteger, nullable=False),
    Column("service_id", BigInteger, nullable=False),
    Column("duration_min", Integer),
    Column("buffer_before_min", Integer),
    Column("buffer_after_min", Integer),
    Column("price_minor", Integer),
    *versioned(),
    unique_in_business("provider_id", "service_id"),
    belongs_to("provider_id", "providers", ondelete="CASCADE"),
    belongs_to("service_id", "services", ondelete="CASCADE"),
    CheckConstraint("duration_min BETWEEN 1 AND 2880", name="duration"),
    CheckConstraint("buffer_before_min BETWEEN 0 AND 1440", name="buffer_before"),
    CheckConstraint("buffer_after_min BETWEEN 0 AND 1440", name="buffer_after"),
    CheckConstraint("price_minor >= 0", name="price"),
    Index("ix_provider_services_service", "business_id", "service_id"),
)

service_resources = tenant_table(
    "service_resources",
    Column("service_id", BigInteger, nullable=False),
    Column("resource_id", BigInteger, nullable=False),
    Column("need", String(63), nullable=False, server_default="room"),
    *versioned(),
    unique_in_business("service_id", "resource_id"),
    belongs_to("service_id", "services", ondelete="CASCADE"),
    belongs_to("resource_id", "resources", ondelete="CASCADE"),
    CheckConstraint("need <> ''", name="need"),
)
"""A service takes one resource of each `need`; rows that share a need are alternatives."""
