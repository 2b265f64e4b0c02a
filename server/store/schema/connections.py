"""
Owns the tables of calendars in: providers' accounts elsewhere, what is known of their calendars, and what we wrote
there.

Leaves the time that it takes to `busy_blocks` in `hours`, and how it is brought about to the use-cases.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
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
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE

from server.store.schema.base import belongs_to, created_at, metadata, tenant_table, unique_in_business, versioned

connections = tenant_table(
    "connections",
    Column("uid", Uuid, nullable=False),
    Column("provider_id", BigInteger, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("preset", String(20), nullable=False),
    Column("name", String(200), nullable=False),
    Column("url", String(2000), nullable=False),
    Column("account", String(320), nullable=False, server_default=""),
    Column("secret_sealed", LargeBinary),
    Column("addresses", ARRAY(String(320)), nullable=False, server_default="{}"),
    Column("state", String(12), nullable=False),
    Column("reason", String(20), nullable=False, server_default=""),
    Column("last_error", String(500), nullable=False, server_default=""),
    Column("synced_at", DateTime(timezone=True)),
    Column("due_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("interval_s", Integer, nullable=False, server_default=text("120")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("lease", BigInteger, nullable=False, server_default=text("0")),
    Column("leased_until", DateTime(timezone=True)),
    Column("peer", String(255), nullable=False),
    Column("on_move", String(10), nullable=False, server_default="reschedule"),
    Column("on_delete", String(10), nullable=False, server_default="cancel"),
    Column("all_day_blocks", Boolean, nullable=False, server_default=text("true")),
    Column("tentative_blocks", Boolean, nullable=False, server_default=text("true")),
    Column("shows_buffers", Boolean, nullable=False, server_default=text("false")),
    Column("names_people", Boolean, nullable=False, server_default=text("false")),
    Column("oauth_state_hash", LargeBinary),
    Column("oauth_sealed", LargeBinary),
    Column("oauth_until", DateTime(timezone=True)),
    *versioned(),
    unique_in_business("uid"),
    belongs_to("provider_id", "providers", ondelete="CASCADE"),
    CheckConstraint("kind IN ('caldav', 'graph', 'ics')", name="kind"),
    CheckConstraint("state IN ('active', 'degraded', 'paused', 'needs_reauth')", name="state"),
    CheckConstraint("on_move IN ('reschedule', 'put_back')", name="on_move"),
    CheckConstraint("on_delete IN ('cancel', 'put_back')", name="on_delete"),
    Index("ix_connections_provider", "business_id", "provider_id"),
    Index("ix_connections_due", "due_at", postgresql_where=text("state IN ('active', 'degraded')")),
    Index("ix_connections_oauth_state_hash", "oauth_state_hash", postgresql_where=text("oauth_state_hash IS NOT NULL")),
)
"""A provider's account at a calendar server. *lease* counts who had it: whoever writes has to be the last."""

calendars = tenant_table(
    "calendars",
    Column("uid", Uuid, nullable=False),
    Column("connection_id", BigInteger, nullable=False),
    Column("provider_id", BigInteger, nullable=False),
    Column("href", String(2000), nullable=False),
    Column("name", String(500), nullable=False),
    Column("colour", String(7)),
    Column("timezone", String(64)),
    Column("writable", Boolean, nullable=False),
    Column("blocks", Boolean, nullable=False, server_default=text("false")),
    Column("receives", Boolean, nullable=False, server_default=text("false")),
    Column("token", Text),
    Column("generation", Integer, nullable=False, server_default=text("0")),
    Column("listing", Boolean, nullable=False, server_default=text("false")),
    Column("known_at", DateTime(timezone=True)),
    Column("window_end", DateTime(timezone=True)),
    Column("notice_id", String(500)),
    Column("notice_resource", String(500)),
    Column("notice_until", DateTime(timezone=True)),
    *versioned(),
    unique_in_business("uid"),
    unique_in_business("connection_id", "href"),
    belongs_to("connection_id", "connections", ondelete="CASCADE"),
    belongs_to("provider_id", "providers", ondelete="CASCADE"),
    CheckConstraint("writable OR NOT receives", name="receives"),
    Index("ix_calendars_provider", "business_id", "provider_id"),
    Index("uq_calendars_receiving", "business_id", "provider_id", unique=True, postgresql_where=text("receives")),
)
"""A calendar of a connection. *known_at*: the busy time here is what its server had then."""

calendar_objects = tenant_table(
    "calendar_objects",
    Column("calendar_id", BigInteger, nullable=False),
    Column("href", String(2000), nullable=False),
    Column("uid", String(500), nullable=False, server_default=""),
    Column("etag", String(500)),
    Column("generation", Integer, nullable=False),
    Column("kept", Text),
    Column("problem", String(300), nullable=False, server_default=""),
    unique_in_business("calendar_id", "href"),
    belongs_to("calendar_id", "calendars", ondelete="CASCADE"),
    Index("ix_calendar_objects_uid", "business_id", "uid"),
    owned=True,
)
"""An event of somebody else's calendar, without what it is about. *kept* is what expanding it again takes, where
there may be more of it later."""

pushed_events = Table(
    "pushed_events",
    metadata,
    Column("business_id", BigInteger, nullable=False),
    Column("calendar_id", BigInteger, nullable=False),
    Column("appointment_id", BigInteger, nullable=False),
    Column("uid", String(255), nullable=False),
    Column("wanted_version", Integer, nullable=False),
    Column("pushed_version", Integer, nullable=False, server_default=text("0")),
    Column("href", String(2000)),
    Column("etag", String(500)),
    Column("shown", TSTZRANGE),
    Column("writing", TSTZRANGE),
    Column("texts", JSONB, nullable=False, server_default="{}"),
    Column("edit", String(10)),
    Column("edit_shown", TSTZRANGE),
    Column("edit_at", DateTime(timezone=True)),
    Column("adopted", Boolean, nullable=False, server_default=text("false")),
    Column("put_back", Integer, nullable=False, server_default=text("0")),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("problem", String(300), nullable=False, server_default=""),
    PrimaryKeyConstraint("business_id", "calendar_id", "appointment_id"),
    belongs_to("calendar_id", "calendars", ondelete="CASCADE"),
    belongs_to("appointment_id", "appointments", ondelete="CASCADE"),
    CheckConstraint("edit IN ('moved', 'reshaped', 'removed')", name="edit"),
    Index("ix_pushed_events_appointment", "business_id", "appointment_id"),
    Index("ix_pushed_events_href", "business_id", "calendar_id", "href"),
    Index(
        "ix_pushed_events_open",
        "business_id",
        "calendar_id",
        postgresql_where=text("wanted_version <> pushed_version OR edit IS NOT NULL"),
    ),
)
"""An appointment as an event of the provider's calendar: what is to be there, what we wrote last, what became of it.
*adopted*: the provider moved it there, and there it stays, though the calendar receives no others."""

calendar_conflicts = tenant_table(
    "calendar_conflicts",
    Column("uid", Uuid, nullable=False),
    Column("provider_id", BigInteger, nullable=False),
    Column("calendar_id", BigInteger, nullable=False),
    Column("appointment_id", BigInteger, nullable=False),
    Column("href", String(2000), nullable=False),
    Column("during", TSTZRANGE, nullable=False),
    Column("resolved_at", DateTime(timezone=True)),
    Column("resolution", String(20), nullable=False, server_default=""),
    created_at(),
    unique_in_business("uid"),
    unique_in_business("appointment_id", "calendar_id", "href"),
    belongs_to("provider_id", "providers", ondelete="CASCADE"),
    belongs_to("calendar_id", "calendars", ondelete="CASCADE"),
    belongs_to("appointment_id", "appointments", ondelete="CASCADE"),
    Index("ix_calendar_conflicts_calendar", "business_id", "calendar_id"),
)
"""An event of the provider's own that came to lie over an appointment: a person has to decide."""

sync_log = tenant_table(
    "sync_log",
    Column("connection_id", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("outcome", String(12), nullable=False),
    Column("took_ms", Integer, nullable=False),
    Column("counts", JSONB, nullable=False),
    Column("detail", String(500), nullable=False, server_default=""),
    Column("problems", JSONB, nullable=False, server_default="[]"),
    belongs_to("connection_id", "connections", ondelete="CASCADE"),
    Index("ix_sync_log_connection", "business_id", "connection_id", "id"),
    Index("ix_sync_log_at", "at"),
    owned=True,
)
"""What each round with a connection came to; rounds in which nothing happened leave no entry."""

calendar_peers = Table(
    "calendar_peers",
    metadata,
    Column("host", String(255), nullable=False),
    Column("troubles", Integer, nullable=False, server_default=text("0")),
    Column("shut_until", DateTime(timezone=True)),
    Column("pause_s", Integer, nullable=False, server_default=text("0")),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("host"),
)
"""Calendar servers in trouble, known to all workers: they are left alone for a while."""
