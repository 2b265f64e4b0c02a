"""
Owns the tables of tenants and who may speak for them.

Leaves what a tenant offers to `catalogue`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, CIDR, JSONB

from server.store.schema.base import (
    SLUG_PATTERN,
    created_at,
    metadata,
    tenant_table,
    unique_in_business,
    versioned,
)

key_checks = Table(
    "key_checks",
    metadata,
    Column("id", SmallInteger, nullable=False, server_default=text("1"), autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    created_at(),
    PrimaryKeyConstraint("id"),
    CheckConstraint("id = 1", name="only_one"),
)
"""One row, of the whole installation: a word that only its secrets open."""

businesses = Table(
    "businesses",
    metadata,
    Column("id", BigInteger, Identity(always=False), primary_key=True),
    Column("slug", String(63), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("category", String(63), nullable=False, server_default=""),
    Column("email", String(254), nullable=False, server_default=""),
    Column("phone", String(32), nullable=False, server_default=""),
    Column("website", String(500), nullable=False, server_default=""),
    Column("currency", String(3), nullable=False, server_default="EUR"),
    Column("locale", String(35), nullable=False, server_default="en"),
    Column("allowed_origins", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("theme", JSONB, nullable=False, server_default=text("'{}'")),
    Column("listed", Boolean, nullable=False, server_default=text("false")),
    Column("calendar_stale_min", Integer, nullable=False, server_default=text("60")),
    Column("guard", Text, nullable=False, server_default="open"),
    Column("catalogue_version", BigInteger, nullable=False, server_default=text("0")),
    *versioned(),
    Column("on_surge", String(10), nullable=False, server_default="tell"),
    Column("surge_told_at", DateTime(timezone=True)),
    Column("guarded_until", DateTime(timezone=True)),
    Column("quotas", JSONB, nullable=False, server_default=text("'{}'")),
    CheckConstraint(f"slug ~ '{SLUG_PATTERN}'", name="slug"),
    CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    CheckConstraint("name <> ''", name="name"),
    CheckConstraint("on_surge IN ('tell', 'confirm')", name="on_surge"),
    CheckConstraint("guard IN ('open', 'mail', 'proof')", name="guard"),
    CheckConstraint("calendar_stale_min BETWEEN 5 AND 10080", name="calendar_stale_min"),
)
"""Triggers raise `catalogue_version` whenever anything that offers are made of changes, whoever changes it."""

api_keys = tenant_table(
    "api_keys",
    Column("name", String(200), nullable=False),
    Column("prefix", String(16), nullable=False),
    Column("key_hash", LargeBinary, nullable=False),
    Column("scopes", ARRAY(String(16)), nullable=False),
    created_at(),
    Column("last_used_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Column("expires_at", DateTime(timezone=True)),
    unique_in_business("key_hash"),
    CheckConstraint(
        "scopes <@ ARRAY['availability','read','book','manage']::varchar[] AND cardinality(scopes) > 0", name="scopes"
    ),
    CheckConstraint("octet_length(key_hash) = 32", name="key_hash"),
    Index("ix_api_keys_key_hash", "key_hash"),
)

blocks = tenant_table(
    "blocks",
    Column("kind", String(10), nullable=False),
    Column("value", String(254), nullable=False),
    Column("network", CIDR),
    Column("reason", String(500), nullable=False, server_default=""),
    Column("ends_at", DateTime(timezone=True)),
    *versioned(),
    unique_in_business("kind", "value"),
    CheckConstraint("kind IN ('address', 'domain', 'phone', 'network')", name="kind"),
    CheckConstraint("(kind = 'network') = (network IS NOT NULL)", name="network"),
)
"""From whom a business takes nothing online: `value` as it is compared, `network` beside it where it is one."""
