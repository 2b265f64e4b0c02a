"""
Owns the tables of what is being told to whom: deliveries, their attempts, the endpoints and addresses they go to.

Leaves the facts that cause them to `outbox`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from server.domain.channels import SUPPRESSIBLE, Channel, Recipient, one_of
from server.store.schema.base import belongs_to, created_at, tenant_table, unique_in_business, versioned

deliveries = tenant_table(
    "deliveries",
    Column("uid", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    Column("dedupe_key", String(120), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("message", String(40), nullable=False),
    Column("recipient", String(16), nullable=False),
    Column("target", String(2000), nullable=False, server_default=""),
    Column("peer", String(60), nullable=False),
    Column("lane", String(60)),
    Column("appointment_id", BigInteger),
    Column("attendee_id", BigInteger),
    Column("endpoint_id", BigInteger),
    Column("payload", JSONB, nullable=False),
    Column("body", Text),
    Column("state", String(16), nullable=False, server_default="queued"),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("due_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),
    Column("lost", SmallInteger, nullable=False, server_default=text("0")),
    Column("lease_until", DateTime(timezone=True)),
    Column("status", SmallInteger),
    Column("detail", Text, nullable=False, server_default=""),
    Column("remote_id", String(200)),
    Column("remote_status", String(16), nullable=False, server_default=""),
    created_at(),
    Column("finished_at", DateTime(timezone=True)),
    unique_in_business("dedupe_key"),
    unique_in_business("uid"),
    CheckConstraint(one_of("channel", Channel), name="channel"),
    CheckConstraint(one_of("recipient", Recipient), name="recipient"),
    CheckConstraint(
        "state IN ('queued', 'sending', 'retrying', 'sent', 'undelivered', 'dead', 'skipped')", name="state"
    ),
    Index("ix_deliveries_due", "channel", "due_at", "id", postgresql_where=text("state IN ('queued', 'retrying')")),
    Index("ix_deliveries_leased", "lease_until", postgresql_where=text("state = 'sending'")),
    Index(
        "ix_deliveries_lane",
        "lane",
        "id",
        postgresql_where=text("lane IS NOT NULL AND state IN ('queued', 'sending', 'retrying')"),
    ),
    Index("ix_deliveries_appointment", "business_id", "appointment_id"),
    Index("ix_deliveries_target", "target", "channel", "created_at"),
    Index("ix_deliveries_dead", "business_id", "id", postgresql_where=text("state = 'dead'")),
    Index("ix_deliveries_finished", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
    Index("ix_deliveries_remote", "remote_id", postgresql_where=text("remote_id IS NOT NULL")),
    owned=True,
)
"""
`lane` orders: of the unfinished deliveries in one lane only the first is sent. `peer` is who is spoken to: trouble with
one never holds up another. A row in `sending` belongs to the worker that raised `attempt` last, until `lease_until`.
`undelivered` was handed over, and its service said later that nobody got it: `remote_status` is its last word.
`tries` are the attempts that reached the peer, or could have; `lost` those whose worker was never heard of again.
"""

delivery_attempts = tenant_table(
    "delivery_attempts",
    Column("delivery_id", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("status", SmallInteger),
    Column("detail", Text, nullable=False, server_default=""),
    Column("response", Text, nullable=False, server_default=""),
    Column("duration_ms", Integer, nullable=False),
    created_at(),
    belongs_to("delivery_id", "deliveries", ondelete="CASCADE"),
    Index("ix_delivery_attempts_delivery", "business_id", "delivery_id"),
    owned=True,
)

webhook_endpoints = tenant_table(
    "webhook_endpoints",
    Column("uid", Uuid, nullable=False),
    Column("url", String(2000), nullable=False),
    Column("description", String(200), nullable=False, server_default=""),
    Column("kinds", ARRAY(String(40)), nullable=False, server_default=text("'{}'")),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("previous_secret_sealed", LargeBinary),
    Column("previous_until", DateTime(timezone=True)),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("disabled_reason", String(200), nullable=False, server_default=""),
    Column("failing_since", DateTime(timezone=True)),
    *versioned(),
    unique_in_business("uid"),
)
"""No kinds means all of them."""

suppressions = tenant_table(
    "suppressions",
    Column("channel", String(16), nullable=False),
    Column("target", String(320), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("reason", String(200), nullable=False, server_default=""),
    Column("until", DateTime(timezone=True)),
    created_at(),
    unique_in_business("channel", "target", "scope"),
    CheckConstraint(one_of("channel", SUPPRESSIBLE), name="channel"),
    CheckConstraint("scope IN ('all', 'reminders')", name="scope"),
)
"""Addresses that asked for no more, or to which nothing seems to arrive: until then, or until somebody lifts it."""
