"""
Calendars in: connections to providers' own calendars, what is known of these, and what was written there.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SOURCES = "ck_busy_blocks_source"


def upgrade() -> None:
    op.create_table(
        "calendar_peers",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("troubles", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("shut_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pause_s", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_calendar_peers")),
    )
    op.create_table(
        "connections",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("preset", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("account", sa.String(length=320), server_default="", nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("addresses", sa.ARRAY(sa.String(length=320)), server_default="{}", nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=20), server_default="", nullable=False),
        sa.Column("last_error", sa.String(length=500), server_default="", nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("interval_s", sa.Integer(), server_default=sa.text("120"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("peer", sa.String(length=255), nullable=False),
        sa.Column("on_move", sa.String(length=10), server_default="reschedule", nullable=False),
        sa.Column("on_delete", sa.String(length=10), server_default="cancel", nullable=False),
        sa.Column("all_day_blocks", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("tentative_blocks", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("shows_buffers", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("names_people", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("oauth_state_hash", sa.LargeBinary(), nullable=True),
        sa.Column("oauth_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("oauth_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('caldav', 'graph', 'ics')", name=op.f("ck_connections_kind")),
        sa.CheckConstraint("on_delete IN ('cancel', 'put_back')", name=op.f("ck_connections_on_delete")),
        sa.CheckConstraint("on_move IN ('reschedule', 'put_back')", name=op.f("ck_connections_on_move")),
        sa.CheckConstraint(
            "state IN ('active', 'degraded', 'paused', 'needs_reauth')", name=op.f("ck_connections_state")
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "provider_id"],
            ["providers.business_id", "providers.id"],
            name=op.f("fk_connections_business_id_provider_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_connections_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_connections")),
        sa.UniqueConstraint("business_id", "uid", name=op.f("uq_connections_business_id_uid")),
    )
    op.create_index(
        "ix_connections_due",
        "connections",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('active', 'degraded')"),
    )
    op.create_index(
        "ix_connections_oauth_state_hash",
        "connections",
        ["oauth_state_hash"],
        unique=False,
        postgresql_where=sa.text("oauth_state_hash IS NOT NULL"),
    )
    op.create_index("ix_connections_provider", "connections", ["business_id", "provider_id"], unique=False)
    op.create_table(
        "calendars",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("href", sa.String(length=2000), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("colour", sa.String(length=7), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=True),
        sa.Column("writable", sa.Boolean(), nullable=False),
        sa.Column("blocks", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("receives", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("generation", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("listing", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notice_id", sa.String(length=500), nullable=True),
        sa.Column("notice_resource", sa.String(length=500), nullable=True),
        sa.Column("notice_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("writable OR NOT receives", name=op.f("ck_calendars_receives")),
        sa.ForeignKeyConstraint(
            ["business_id", "connection_id"],
            ["connections.business_id", "connections.id"],
            name=op.f("fk_calendars_business_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "provider_id"],
            ["providers.business_id", "providers.id"],
            name=op.f("fk_calendars_business_id_provider_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_calendars_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_calendars")),
        sa.UniqueConstraint(
            "business_id", "connection_id", "href", name=op.f("uq_calendars_business_id_connection_id_href")
        ),
        sa.UniqueConstraint("business_id", "uid", name=op.f("uq_calendars_business_id_uid")),
    )
    op.create_index("ix_calendars_provider", "calendars", ["business_id", "provider_id"], unique=False)
    op.create_index(
        "uq_calendars_receiving",
        "calendars",
        ["business_id", "provider_id"],
        unique=True,
        postgresql_where=sa.text("receives"),
    )
    op.create_table(
        "sync_log",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("detail", sa.String(length=500), server_default="", nullable=False),
        sa.Column("problems", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id", "connection_id"],
            ["connections.business_id", "connections.id"],
            name=op.f("fk_sync_log_business_id_connection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_sync_log")),
    )
    op.create_index("ix_sync_log_at", "sync_log", ["at"], unique=False)
    op.create_index("ix_sync_log_connection", "sync_log", ["business_id", "connection_id", "id"], unique=False)
    op.create_table(
        "calendar_conflicts",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("calendar_id", sa.BigInteger(), nullable=False),
        sa.Column("appointment_id", sa.BigInteger(), nullable=False),
        sa.Column("href", sa.String(length=2000), nullable=False),
        sa.Column("during", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution", sa.String(length=20), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id", "appointment_id"],
            ["appointments.business_id", "appointments.id"],
            name=op.f("fk_calendar_conflicts_business_id_appointment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "calendar_id"],
            ["calendars.business_id", "calendars.id"],
            name=op.f("fk_calendar_conflicts_business_id_calendar_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "provider_id"],
            ["providers.business_id", "providers.id"],
            name=op.f("fk_calendar_conflicts_business_id_provider_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_calendar_conflicts_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_calendar_conflicts")),
        sa.UniqueConstraint(
            "business_id",
            "appointment_id",
            "calendar_id",
            "href",
            name=op.f("uq_calendar_conflicts_business_id_appointment_id_calendar_id_href"),
        ),
        sa.UniqueConstraint("business_id", "uid", name=op.f("uq_calendar_conflicts_business_id_uid")),
    )
    op.create_index(
        "ix_calendar_conflicts_calendar", "calendar_conflicts", ["business_id", "calendar_id"], unique=False
    )
    op.create_table(
        "calendar_objects",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("calendar_id", sa.BigInteger(), nullable=False),
        sa.Column("href", sa.String(length=2000), nullable=False),
        sa.Column("uid", sa.String(length=500), server_default="", nullable=False),
        sa.Column("etag", sa.String(length=500), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Text(), nullable=True),
        sa.Column("problem", sa.String(length=300), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id", "calendar_id"],
            ["calendars.business_id", "calendars.id"],
            name=op.f("fk_calendar_objects_business_id_calendar_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_calendar_objects")),
        sa.UniqueConstraint(
            "business_id", "calendar_id", "href", name=op.f("uq_calendar_objects_business_id_calendar_id_href")
        ),
    )
    op.create_index("ix_calendar_objects_uid", "calendar_objects", ["business_id", "uid"], unique=False)
    op.create_table(
        "pushed_events",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("calendar_id", sa.BigInteger(), nullable=False),
        sa.Column("appointment_id", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.String(length=255), nullable=False),
        sa.Column("wanted_version", sa.Integer(), nullable=False),
        sa.Column("pushed_version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("href", sa.String(length=2000), nullable=True),
        sa.Column("etag", sa.String(length=500), nullable=True),
        sa.Column("shown", postgresql.TSTZRANGE(), nullable=True),
        sa.Column("writing", postgresql.TSTZRANGE(), nullable=True),
        sa.Column("texts", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("edit", sa.String(length=10), nullable=True),
        sa.Column("edit_shown", postgresql.TSTZRANGE(), nullable=True),
        sa.Column("edit_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("adopted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("put_back", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("problem", sa.String(length=300), server_default="", nullable=False),
        sa.CheckConstraint("edit IN ('moved', 'reshaped', 'removed')", name=op.f("ck_pushed_events_edit")),
        sa.ForeignKeyConstraint(
            ["business_id", "appointment_id"],
            ["appointments.business_id", "appointments.id"],
            name=op.f("fk_pushed_events_business_id_appointment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "calendar_id"],
            ["calendars.business_id", "calendars.id"],
            name=op.f("fk_pushed_events_business_id_calendar_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("business_id", "calendar_id", "appointment_id", name=op.f("pk_pushed_events")),
    )
    op.create_index("ix_pushed_events_appointment", "pushed_events", ["business_id", "appointment_id"], unique=False)
    op.create_index("ix_pushed_events_href", "pushed_events", ["business_id", "calendar_id", "href"], unique=False)
    op.create_index(
        "ix_pushed_events_open",
        "pushed_events",
        ["business_id", "calendar_id"],
        unique=False,
        postgresql_where=sa.text("wanted_version <> pushed_version OR edit IS NOT NULL"),
    )
    op.add_column(
        "businesses", sa.Column("calendar_stale_min", sa.Integer(), server_default=sa.text("60"), nullable=False)
    )
    op.add_column("busy_blocks", sa.Column("object_id", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_busy_blocks_object",
        "busy_blocks",
        ["business_id", "object_id"],
        unique=False,
        postgresql_where=sa.text("object_id IS NOT NULL"),
    )
    op.create_foreign_key(
        op.f("fk_busy_blocks_business_id_object_id"),
        "busy_blocks",
        "calendar_objects",
        ["business_id", "object_id"],
        ["business_id", "id"],
        ondelete="CASCADE",
    )
    op.drop_constraint(_SOURCES, "busy_blocks")
    op.execute("DELETE FROM busy_blocks WHERE source = 'calendar'")
    op.create_check_constraint(
        "source",
        "busy_blocks",
        "source IN ('time_off', 'calendar') AND (source = 'calendar') = (object_id IS NOT NULL)",
    )
    op.create_check_constraint("calendar_stale_min", "businesses", "calendar_stale_min BETWEEN 5 AND 10080")


def downgrade() -> None:
    """Forgets connections, and the time that their events took; appointments stay."""
    op.drop_constraint("ck_businesses_calendar_stale_min", "businesses")
    op.drop_constraint(_SOURCES, "busy_blocks")
    op.execute("DELETE FROM busy_blocks WHERE source = 'calendar'")
    op.create_check_constraint("source", "busy_blocks", "source IN ('time_off', 'calendar')")
    op.drop_constraint(op.f("fk_busy_blocks_business_id_object_id"), "busy_blocks", type_="foreignkey")
    op.drop_index("ix_busy_blocks_object", table_name="busy_blocks", postgresql_where=sa.text("object_id IS NOT NULL"))
    op.drop_column("busy_blocks", "object_id")
    op.drop_column("businesses", "calendar_stale_min")
    op.drop_index(
        "ix_pushed_events_open",
        table_name="pushed_events",
        postgresql_where=sa.text("wanted_version <> pushed_version OR edit IS NOT NULL"),
    )
    op.drop_index("ix_pushed_events_href", table_name="pushed_events")
    op.drop_index("ix_pushed_events_appointment", table_name="pushed_events")
    op.drop_table("pushed_events")
    op.drop_index("ix_calendar_objects_uid", table_name="calendar_objects")
    op.drop_table("calendar_objects")
    op.drop_index("ix_calendar_conflicts_calendar", table_name="calendar_conflicts")
    op.drop_table("calendar_conflicts")
    op.drop_index("ix_sync_log_connection", table_name="sync_log")
    op.drop_index("ix_sync_log_at", table_name="sync_log")
    op.drop_table("sync_log")
    op.drop_index("uq_calendars_receiving", table_name="calendars", postgresql_where=sa.text("receives"))
    op.drop_index("ix_calendars_provider", table_name="calendars")
    op.drop_table("calendars")
    op.drop_index("ix_connections_provider", table_name="connections")
    op.drop_index(
        "ix_connections_oauth_state_hash",
        table_name="connections",
        postgresql_where=sa.text("oauth_state_hash IS NOT NULL"),
    )
    op.drop_index(
        "ix_connections_due", table_name="connections", postgresql_where=sa.text("state IN ('active', 'degraded')")
    )
    op.drop_table("connections")
    op.drop_table("calendar_peers")
