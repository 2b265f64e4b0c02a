"""
Owns the tables of calendars out: the text of each appointment, what has changed for whom, and who may read it.

Leaves what was booked to `booking`.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)

from server.store.schema.base import belongs_to, created_at, metadata, tenant_table, unique_in_business, versioned

appointment_texts = Table(
    "appointment_texts",
    metadata,
    Column("business_id", BigInteger, nullable=False),
    Column("appointment_id", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("provider_id", BigInteger, nullable=False),
    Column("location_id", BigInteger, nullable=False),
    Column("full_text", Text, nullable=False),
    Column("initials_text", Text, nullable=False),
    PrimaryKeyConstraint("business_id", "appointment_id"),
    belongs_to("appointment_id", "appointments", ondelete="CASCADE"),
)
"""The VEVENT of an appointment's *version*, rendered once: a feed is a join and not a rendering. Provider and location
are those of the text: who lost an appointment must hear of it, too."""

feed_versions = Table(
    "feed_versions",
    metadata,
    Column("business_id", BigInteger, nullable=False),
    Column("scope", String(10), nullable=False),
    Column("scope_id", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("busy_version", BigInteger, nullable=False, server_default=text("1")),
    Column("busy_changed_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    PrimaryKeyConstraint("business_id", "scope", "scope_id"),
    CheckConstraint("scope IN ('business', 'provider', 'service', 'location')", name="scope"),
)
"""Raised with the texts, in one transaction, after the booking's: a booking never waits for a counter."""

feeds = tenant_table(
    "feeds",
    Column("uid", Uuid, nullable=False),
    Column("name", String(200), nullable=False),
    Column("scope", String(10), nullable=False),
    Column("provider_id", BigInteger),
    Column("service_id", BigInteger),
    Column("location_id", BigInteger),
    Column("customer_id", BigInteger),
    Column("privacy", String(10), nullable=False, server_default="full"),
    Column("colour", String(30), nullable=False, server_default=""),
    Column("last_used_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    *versioned(),
    unique_in_business("uid"),
    belongs_to("provider_id", "providers", ondelete="CASCADE"),
    belongs_to("service_id", "services", ondelete="CASCADE"),
    belongs_to("location_id", "locations", ondelete="CASCADE"),
    belongs_to("customer_id", "customers", ondelete="CASCADE"),
    CheckConstraint("scope IN ('business', 'provider', 'service', 'location', 'customer')", name="scope"),
    CheckConstraint("privacy IN ('full', 'initials', 'busy')", name="privacy"),
    CheckConstraint(
        "num_nonnulls(provider_id, service_id, location_id, customer_id) = (scope <> 'business')::int"
        " AND (scope = 'provider') = (provider_id IS NOT NULL) AND (scope = 'service') = (service_id IS NOT NULL)"
        " AND (scope = 'location') = (location_id IS NOT NULL) AND (scope = 'customer') = (customer_id IS NOT NULL)",
        name="subject",
    ),
)

feed_tokens = tenant_table(
    "feed_tokens",
    Column("feed_id", BigInteger, nullable=False),
    Column("token_hash", LargeBinary, nullable=False),
    Column("hint", String(4), nullable=False),
    created_at(),
    Column("retired_at", DateTime(timezone=True)),
    belongs_to("feed_id", "feeds", ondelete="CASCADE"),
    UniqueConstraint("business_id", "token_hash"),
    Index("ix_feed_tokens_token_hash", "token_hash"),
    Index("ix_feed_tokens_feed", "business_id", "feed_id"),
    owned=True,
)
"""The secrets a feed has had; those of rotated and revoked feeds stay, so that their holders hear 410."""
