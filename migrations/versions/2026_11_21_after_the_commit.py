"""
Calendars out and everything after the commit: deliveries, feeds, webhooks, the waitlist, payments.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_REMINDER_STATES = "ck_reminders_status"

# What a calendar shows of an appointment besides its own columns: a change of it is a fact like any other.
_SHOWN = (
    ("businesses", "name"),
    ("businesses", "email"),
    ("services", "name"),
    ("providers", "name"),
    ("locations", "name"),
    ("locations", "address"),
)
_FUNCTIONS_AND_TRIGGERS = (
    """
    CREATE FUNCTION tell_of_new_name() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO outbox (business_id, kind, payload)
        VALUES (CASE TG_TABLE_NAME WHEN 'businesses' THEN NEW.id ELSE (to_jsonb(NEW) ->> 'business_id')::bigint END,
                'catalogue.renamed', jsonb_build_object('v', 1, 'table', TG_TABLE_NAME, 'id', NEW.id));
        RETURN NULL;
    END $$
    """,
    *(
        f"""
        CREATE TRIGGER tell_of_new_{column} AFTER UPDATE OF {column} ON {table}
            FOR EACH ROW WHEN (OLD.{column} IS DISTINCT FROM NEW.{column}) EXECUTE FUNCTION tell_of_new_name()
        """
        for table, column in _SHOWN
    ),
    """
    CREATE FUNCTION raise_busy_version() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO feed_versions AS known (business_id, scope, scope_id)
        SELECT DISTINCT business_id, 'provider', provider_id FROM changed ORDER BY 1, 3
            ON CONFLICT (business_id, scope, scope_id)
            DO UPDATE SET busy_version = known.busy_version + 1, busy_changed_at = clock_timestamp();
        RETURN NULL;
    END $$
    """,
    *(
        f"""
        CREATE TRIGGER raise_busy_version_{event.lower()} AFTER {event} ON busy_blocks
            REFERENCING {rows} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION raise_busy_version()
        """
        for event, rows in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD"))
    ),
)


def upgrade() -> None:
    """Makes the new tables; a reminder that was sent is from now on one that was handed over."""
    op.create_table(
        "deliveries",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("uid", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("dedupe_key", sa.String(length=120), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("message", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=16), nullable=False),
        sa.Column("target", sa.String(length=2000), server_default="", nullable=False),
        sa.Column("peer", sa.String(length=60), nullable=False),
        sa.Column("lane", sa.String(length=60), nullable=True),
        sa.Column("appointment_id", sa.BigInteger(), nullable=True),
        sa.Column("attendee_id", sa.BigInteger(), nullable=True),
        sa.Column("endpoint_id", sa.BigInteger(), nullable=True),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), server_default="queued", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lost", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("remote_id", sa.String(length=200), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "channel IN ('mail', 'sms', 'webhook', 'waitlist', 'refund')", name=op.f("ck_deliveries_channel")
        ),
        sa.CheckConstraint(
            "recipient IN ('customer', 'provider', 'endpoint', 'nobody')", name=op.f("ck_deliveries_recipient")
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'retrying', 'sent', 'dead', 'skipped')", name=op.f("ck_deliveries_state")
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("business_id", "dedupe_key", name=op.f("uq_deliveries_business_id_dedupe_key")),
        sa.UniqueConstraint("business_id", "uid", name=op.f("uq_deliveries_business_id_uid")),
    )
    op.create_index("ix_deliveries_appointment", "deliveries", ["business_id", "appointment_id"], unique=False)
    op.create_index(
        "ix_deliveries_dead",
        "deliveries",
        ["business_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'dead'"),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["channel", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'retrying')"),
    )
    op.create_index(
        "ix_deliveries_finished",
        "deliveries",
        ["finished_at"],
        unique=False,
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_index(
        "ix_deliveries_lane",
        "deliveries",
        ["lane", "id"],
        unique=False,
        postgresql_where=sa.text("lane IS NOT NULL AND state IN ('queued', 'sending', 'retrying')"),
    )
    op.create_index(
        "ix_deliveries_leased",
        "deliveries",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.create_index(
        "ix_deliveries_remote",
        "deliveries",
        ["remote_id"],
        unique=False,
        postgresql_where=sa.text("remote_id IS NOT NULL"),
    )
    op.create_index("ix_deliveries_target", "deliveries", ["target", "channel", "created_at"], unique=False)
    op.create_table(
        "feed_versions",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("scope_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("busy_version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "busy_changed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "scope IN ('business', 'provider', 'service', 'location')", name=op.f("ck_feed_versions_scope")
        ),
        sa.PrimaryKeyConstraint("business_id", "scope", "scope_id", name=op.f("pk_feed_versions")),
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("response", sa.Text(), server_default="", nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id", "delivery_id"],
            ["deliveries.business_id", "deliveries.id"],
            name=op.f("fk_delivery_attempts_business_id_delivery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_delivery_attempts")),
    )
    op.create_index("ix_delivery_attempts_delivery", "delivery_attempts", ["business_id", "delivery_id"], unique=False)
    op.create_table(
        "suppressions",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("target", sa.String(length=320), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=200), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("channel IN ('mail', 'sms')", name=op.f("ck_suppressions_channel")),
        sa.CheckConstraint("scope IN ('all', 'reminders')", name=op.f("ck_suppressions_scope")),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_suppressions_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_suppressions")),
        sa.UniqueConstraint(
            "business_id", "channel", "target", "scope", name=op.f("uq_suppressions_business_id_channel_target_scope")
        ),
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("description", sa.String(length=200), server_default="", nullable=False),
        sa.Column("kinds", postgresql.ARRAY(sa.String(length=40)), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("previous_secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("disabled_reason", sa.String(length=200), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_webhook_endpoints_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_webhook_endpoints")),
        sa.UniqueConstraint("business_id", "uid", name=op.f("uq_webhook_endpoints_business_id_uid")),
    )
    op.create_table(
        "payments",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("hold_id", sa.BigInteger(), nullable=True),
        sa.Column("appointment_id", sa.BigInteger(), nullable=True),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("amount_minor", sa.Integer(), nullable=False),
        sa.Column("return_minor", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("remote_id", sa.String(length=200), nullable=True),
        sa.Column("order_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("method IN ('on_site', 'stripe')", name=op.f("ck_payments_method")),
        sa.CheckConstraint(
            "status IN ('open', 'paid', 'booked', 'returning', 'returned', 'failed', 'expired')",
            name=op.f("ck_payments_status"),
        ),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_payments_amount")),
        sa.ForeignKeyConstraint(
            ["business_id", "service_id"],
            ["services.business_id", "services.id"],
            name=op.f("fk_payments_business_id_service_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_payments_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_payments")),
        sa.UniqueConstraint("business_id", "uid", name=op.f("uq_payments_business_id_uid")),
    )
    op.create_index("ix_payments_appointment", "payments", ["business_id", "appointment_id"], unique=False)
    op.create_index(
        "ix_payments_expires", "payments", ["expires_at"], unique=False, postgresql_where=sa.text("status = 'open'")
    )
    op.create_index(
        "ix_payments_remote", "payments", ["remote_id"], unique=False, postgresql_where=sa.text("remote_id IS NOT NULL")
    )
    op.create_table(
        "feeds",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=True),
        sa.Column("service_id", sa.BigInteger(), nullable=True),
        sa.Column("location_id", sa.BigInteger(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("privacy", sa.String(length=10), server_default="full", nullable=False),
        sa.Column("colour", sa.String(length=30), server_default="", nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "num_nonnulls(provider_id, service_id, location_id, customer_id) = (scope <> 'business')::int AND (scope = 'provider') = (provider_id IS NOT NULL) AND (scope = 'service') = (service_id IS NOT NULL) AND (scope = 'location') = (location_id IS NOT NULL) AND (scope = 'customer') = (customer_id IS NOT NULL)",
            name=op.f("ck_feeds_subject"),
        ),
        sa.CheckConstraint("privacy IN ('full', 'initials', 'busy')", name=op.f("ck_feeds_privacy")),
        sa.CheckConstraint(
            "scope IN ('business', 'provider', 'service', 'location', 'customer')", name=op.f("ck_feeds_scope")
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "customer_id"],
            ["customers.business_id", "customers.id"],
            name=op.f("fk_feeds_business_id_customer_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "location_id"],
            ["locations.business_id", "locations.id"],
            name=op.f("fk_feeds_business_id_location_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "provider_id"],
            ["providers.business_id", "providers.id"],
            name=op.f("fk_feeds_business_id_provider_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "service_id"],
            ["services.business_id", "services.id"],
            name=op.f("fk_feeds_business_id_service_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_feeds_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_feeds")),
        sa.UniqueConstraint("business_id", "uid", name=op.f("uq_feeds_business_id_uid")),
    )
    op.create_table(
        "waitlist_entries",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=True),
        sa.Column("location_id", sa.BigInteger(), nullable=True),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("windows", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("phone", sa.String(length=32), server_default="", nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("locale", sa.String(length=35), server_default="en", nullable=False),
        sa.Column("token_salt", sa.LargeBinary(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.String(length=16), server_default="waiting", nullable=False),
        sa.Column("hold_id", sa.BigInteger(), nullable=True),
        sa.Column("offered_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("offer_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("offers", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status IN ('waiting', 'offered', 'booked', 'left', 'expired')", name=op.f("ck_waitlist_entries_status")
        ),
        sa.CheckConstraint("first_day <= last_day", name=op.f("ck_waitlist_entries_days")),
        sa.ForeignKeyConstraint(
            ["business_id", "location_id"],
            ["locations.business_id", "locations.id"],
            name=op.f("fk_waitlist_entries_business_id_location_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "provider_id"],
            ["providers.business_id", "providers.id"],
            name=op.f("fk_waitlist_entries_business_id_provider_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "service_id"],
            ["services.business_id", "services.id"],
            name=op.f("fk_waitlist_entries_business_id_service_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_waitlist_entries_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_waitlist_entries")),
        sa.UniqueConstraint("business_id", "uid", name=op.f("uq_waitlist_entries_business_id_uid")),
    )
    op.create_index(
        "ix_waitlist_entries_hold",
        "waitlist_entries",
        ["business_id", "hold_id"],
        unique=False,
        postgresql_where=sa.text("hold_id IS NOT NULL"),
    )
    op.create_index(
        "ix_waitlist_entries_offered",
        "waitlist_entries",
        ["offer_expires_at"],
        unique=False,
        postgresql_where=sa.text("status = 'offered'"),
    )
    op.create_index("ix_waitlist_entries_token_hash", "waitlist_entries", ["token_hash"], unique=False)
    op.create_index(
        "ix_waitlist_entries_waiting",
        "waitlist_entries",
        ["business_id", "service_id", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_table(
        "appointment_texts",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("appointment_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("full_text", sa.Text(), nullable=False),
        sa.Column("initials_text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id", "appointment_id"],
            ["appointments.business_id", "appointments.id"],
            name=op.f("fk_appointment_texts_business_id_appointment_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("business_id", "appointment_id", name=op.f("pk_appointment_texts")),
    )
    op.create_table(
        "feed_tokens",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("feed_id", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.String(length=4), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["business_id", "feed_id"],
            ["feeds.business_id", "feeds.id"],
            name=op.f("fk_feed_tokens_business_id_feed_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_feed_tokens")),
        sa.UniqueConstraint("business_id", "token_hash", name=op.f("uq_feed_tokens_business_id_token_hash")),
    )
    op.create_index("ix_feed_tokens_feed", "feed_tokens", ["business_id", "feed_id"], unique=False)
    op.create_index("ix_feed_tokens_token_hash", "feed_tokens", ["token_hash"], unique=False)
    op.add_column("outbox", sa.Column("attempt", sa.SmallInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("outbox", sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("outbox", sa.Column("detail", sa.Text(), server_default="", nullable=False))
    op.create_index(
        "ix_outbox_done", "outbox", ["done_at"], unique=False, postgresql_where=sa.text("done_at IS NOT NULL")
    )
    op.create_index(
        "ix_outbox_open_of_business",
        "outbox",
        ["business_id"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index("ix_outbox_appointment", "outbox", ["business_id", "appointment_id"], unique=False)
    op.add_column("services", sa.Column("payment", sa.String(length=16), server_default="on_site", nullable=False))
    op.create_check_constraint("payment", "services", "payment IN ('on_site', 'online')")
    op.drop_constraint(_REMINDER_STATES, "reminders")
    op.execute("UPDATE reminders SET status = 'queued' WHERE status = 'sent'")
    op.create_check_constraint("status", "reminders", "status IN ('planned', 'dropped', 'skipped', 'queued')")
    for statement in _FUNCTIONS_AND_TRIGGERS:
        op.execute(statement)


def downgrade() -> None:
    """Forgets deliveries, feeds, endpoints, waiting customers and payments; appointments stay."""
    for table, column in _SHOWN:
        op.execute(f"DROP TRIGGER tell_of_new_{column} ON {table}")
    for event in ("insert", "update", "delete"):
        op.execute(f"DROP TRIGGER raise_busy_version_{event} ON busy_blocks")
    op.execute("DROP FUNCTION tell_of_new_name, raise_busy_version")
    op.drop_constraint(_REMINDER_STATES, "reminders")
    op.execute("UPDATE reminders SET status = 'sent' WHERE status = 'queued'")
    op.create_check_constraint("status", "reminders", "status IN ('planned', 'dropped', 'skipped', 'sent')")
    op.drop_constraint("ck_services_payment", "services")
    op.drop_column("services", "payment")
    op.drop_index("ix_outbox_appointment", table_name="outbox")
    op.drop_index("ix_outbox_open_of_business", table_name="outbox", postgresql_where=sa.text("done_at IS NULL"))
    op.drop_index("ix_outbox_done", table_name="outbox", postgresql_where=sa.text("done_at IS NOT NULL"))
    op.drop_column("outbox", "detail")
    op.drop_column("outbox", "parked_at")
    op.drop_column("outbox", "attempt")
    op.drop_table("feed_tokens")
    op.drop_table("appointment_texts")
    op.drop_table("waitlist_entries")
    op.drop_table("feeds")
    op.drop_table("payments")
    op.drop_table("webhook_endpoints")
    op.drop_table("suppressions")
    op.drop_table("delivery_attempts")
    op.drop_table("feed_versions")
    op.drop_table("deliveries")
