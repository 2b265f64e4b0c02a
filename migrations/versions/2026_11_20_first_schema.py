"""
The first schema: tenants, catalogue, hours, bookings, and the constraint that no two claims overlap.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# Whatever offers are made of: a change of any raises the version of its business's catalogue, whoever made it.
_OFFERED = (
    "locations",
    "resources",
    "providers",
    "services",
    "provider_services",
    "service_resources",
    "working_hours",
    "service_hours",
    "exceptions",
)
_FUNCTIONS_AND_TRIGGERS = (
    """
    CREATE FUNCTION bump_catalogue_version() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE businesses SET catalogue_version = catalogue_version + 1 WHERE id IN (SELECT business_id FROM changed);
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION bump_own_catalogue_version() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.catalogue_version := OLD.catalogue_version + 1;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER bump_catalogue_version BEFORE UPDATE OF slug, currency ON businesses
        FOR EACH ROW EXECUTE FUNCTION bump_own_catalogue_version()
    """,
    *(
        f"""
        CREATE TRIGGER bump_catalogue_version_{event.lower()} AFTER {event} ON {table}
            REFERENCING {rows} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION bump_catalogue_version()
        """
        for table in _OFFERED
        for event, rows in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD"))
    ),
)


def upgrade() -> None:
    """Makes every table."""
    op.create_table(
        "businesses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("category", sa.String(length=63), server_default="", nullable=False),
        sa.Column("email", sa.String(length=254), server_default="", nullable=False),
        sa.Column("phone", sa.String(length=32), server_default="", nullable=False),
        sa.Column("website", sa.String(length=500), server_default="", nullable=False),
        sa.Column("currency", sa.String(length=3), server_default="EUR", nullable=False),
        sa.Column("allowed_origins", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("theme", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("listed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("catalogue_version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_businesses_currency")),
        sa.CheckConstraint("name <> ''", name=op.f("ck_businesses_name")),
        sa.CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name=op.f("ck_businesses_slug")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_businesses")),
        sa.UniqueConstraint("slug", name=op.f("uq_businesses_slug")),
    )
    op.create_table(
        "idempotency_records",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status BETWEEN 200 AND 599", name=op.f("ck_idempotency_records_status")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_idempotency_records")),
        sa.UniqueConstraint(
            "business_id", "caller", "key_hash", name=op.f("uq_idempotency_records_business_id_caller_key_hash")
        ),
    )
    op.create_index("ix_idempotency_records_created", "idempotency_records", ["created_at"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("appointment_id", sa.BigInteger(), nullable=True),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_open", "outbox", ["id"], unique=False, postgresql_where=sa.text("done_at IS NULL"))
    op.create_table(
        "api_keys",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.String(length=16)), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "scopes <@ ARRAY['read','book','manage']::varchar[] AND cardinality(scopes) > 0",
            name=op.f("ck_api_keys_scopes"),
        ),
        sa.CheckConstraint("octet_length(key_hash) = 32", name=op.f("ck_api_keys_key_hash")),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_api_keys_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("business_id", "key_hash", name=op.f("uq_api_keys_business_id_key_hash")),
    )
    op.create_index("ix_api_keys_key_hash", "api_keys", ["key_hash"], unique=False)
    op.create_table(
        "audit_entries",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("subject_key", sa.String(length=100), nullable=False),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_audit_entries_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_audit_entries")),
    )
    op.create_table(
        "customers",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("phone", sa.String(length=32), server_default="", nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("locale", sa.String(length=35), server_default="en", nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("email = lower(email) AND email LIKE '%_@_%'", name=op.f("ck_customers_email")),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_customers_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_customers")),
        sa.UniqueConstraint("business_id", "email", name=op.f("uq_customers_business_id_email")),
    )
    op.create_table(
        "locations",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("online", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("address", sa.String(length=500), server_default="", nullable=False),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("holiday_country", sa.String(length=2), nullable=True),
        sa.Column("holiday_subdivision", sa.String(length=10), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name=op.f("ck_locations_slug")),
        sa.CheckConstraint("timezone <> ''", name=op.f("ck_locations_timezone")),
        sa.CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name=op.f("ck_locations_both_coordinates")),
        sa.CheckConstraint(
            "holiday_subdivision IS NULL OR holiday_country IS NOT NULL", name=op.f("ck_locations_holidays")
        ),
        sa.CheckConstraint(
            "latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180", name=op.f("ck_locations_coordinates")
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_locations_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_locations")),
        sa.UniqueConstraint("business_id", "slug", name=op.f("uq_locations_business_id_slug")),
    )
    op.create_table(
        "services",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("duration_min", sa.Integer(), nullable=False),
        sa.Column("buffer_before_min", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("buffer_after_min", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("slot_step_min", sa.Integer(), server_default=sa.text("30"), nullable=False),
        sa.Column("min_notice_min", sa.Integer(), server_default=sa.text("60"), nullable=False),
        sa.Column("horizon_days", sa.Integer(), server_default=sa.text("90"), nullable=False),
        sa.Column("price_minor", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("capacity", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("approval", sa.String(length=16), server_default="automatic", nullable=False),
        sa.Column("per_customer_limit", sa.Integer(), nullable=True),
        sa.Column("change_window_min", sa.Integer(), server_default=sa.text("1440"), nullable=False),
        sa.Column("cancel_fee_minor", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("phone_required", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("questions", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("reminders", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("approval = 'automatic' OR capacity = 1", name=op.f("ck_services_class_approval")),
        sa.CheckConstraint("approval IN ('automatic', 'manual')", name=op.f("ck_services_approval")),
        sa.CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name=op.f("ck_services_slug")),
        sa.CheckConstraint("buffer_after_min BETWEEN 0 AND 1440", name=op.f("ck_services_buffer_after")),
        sa.CheckConstraint("buffer_before_min BETWEEN 0 AND 1440", name=op.f("ck_services_buffer_before")),
        sa.CheckConstraint("capacity BETWEEN 1 AND 1000", name=op.f("ck_services_capacity")),
        sa.CheckConstraint("change_window_min BETWEEN 0 AND 525600", name=op.f("ck_services_change_window")),
        sa.CheckConstraint("duration_min BETWEEN 1 AND 2880", name=op.f("ck_services_duration")),
        sa.CheckConstraint("horizon_days BETWEEN 1 AND 730", name=op.f("ck_services_horizon")),
        sa.CheckConstraint("min_notice_min BETWEEN 0 AND 525600", name=op.f("ck_services_min_notice")),
        sa.CheckConstraint("per_customer_limit > 0", name=op.f("ck_services_per_customer_limit")),
        sa.CheckConstraint("price_minor >= 0 AND cancel_fee_minor >= 0", name=op.f("ck_services_money")),
        sa.CheckConstraint("slot_step_min BETWEEN 1 AND 1440", name=op.f("ck_services_slot_step")),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_services_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_services")),
        sa.UniqueConstraint("business_id", "slug", name=op.f("uq_services_business_id_slug")),
    )
    op.create_table(
        "resources",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('provider', 'room', 'device')", name=op.f("ck_resources_kind")),
        sa.CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name=op.f("ck_resources_slug")),
        sa.ForeignKeyConstraint(
            ["business_id", "location_id"],
            ["locations.business_id", "locations.id"],
            name=op.f("fk_resources_business_id_location_id"),
            ondelete="NO ACTION",
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_resources_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_resources")),
        sa.UniqueConstraint("business_id", "kind", "slug", name=op.f("uq_resources_business_id_kind_slug")),
    )
    op.create_table(
        "service_hours",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("weekday", sa.SmallInteger(), nullable=False),
        sa.Column("start_min", sa.SmallInteger(), nullable=False),
        sa.Column("end_min", sa.SmallInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "start_min BETWEEN 0 AND 1439 AND end_min > start_min AND end_min <= 2880",
            name=op.f("ck_service_hours_window"),
        ),
        sa.CheckConstraint("valid_until >= valid_from", name=op.f("ck_service_hours_validity")),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_service_hours_weekday")),
        sa.ForeignKeyConstraint(
            ["business_id", "service_id"],
            ["services.business_id", "services.id"],
            name=op.f("fk_service_hours_business_id_service_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_service_hours_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_service_hours")),
    )
    op.create_index("ix_service_hours_service", "service_hours", ["business_id", "service_id"], unique=False)
    op.create_table(
        "providers",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("title", sa.String(length=200), server_default="", nullable=False),
        sa.Column("bio", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.String(length=254), server_default="", nullable=False),
        sa.Column("resource_id", sa.BigInteger(), nullable=False),
        sa.Column("daily_cap", sa.Integer(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name=op.f("ck_providers_slug")),
        sa.CheckConstraint("daily_cap > 0", name=op.f("ck_providers_daily_cap")),
        sa.ForeignKeyConstraint(
            ["business_id", "resource_id"],
            ["resources.business_id", "resources.id"],
            name=op.f("fk_providers_business_id_resource_id"),
            ondelete="NO ACTION",
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_providers_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_providers")),
        sa.UniqueConstraint("business_id", "resource_id", name=op.f("uq_providers_business_id_resource_id")),
        sa.UniqueConstraint("business_id", "slug", name=op.f("uq_providers_business_id_slug")),
    )
    op.create_table(
        "service_resources",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("resource_id", sa.BigInteger(), nullable=False),
        sa.Column("need", sa.String(length=63), server_default="room", nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("need <> ''", name=op.f("ck_service_resources_need")),
        sa.ForeignKeyConstraint(
            ["business_id", "resource_id"],
            ["resources.business_id", "resources.id"],
            name=op.f("fk_service_resources_business_id_resource_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "service_id"],
            ["services.business_id", "services.id"],
            name=op.f("fk_service_resources_business_id_service_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_service_resources_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_service_resources")),
        sa.UniqueConstraint(
            "business_id",
            "service_id",
            "resource_id",
            name=op.f("uq_service_resources_business_id_service_id_resource_id"),
        ),
    )
    op.create_table(
        "appointments",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("local_day", sa.Date(), nullable=False),
        sa.Column("sequence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("capacity", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("seats_taken", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("price_minor", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status IN ('held', 'pending', 'confirmed', 'completed', 'no_show', 'cancelled', 'declined')",
            name=op.f("ck_appointments_status"),
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_appointments_times")),
        sa.CheckConstraint("price_minor >= 0", name=op.f("ck_appointments_price")),
        sa.CheckConstraint("seats_taken BETWEEN 0 AND capacity", name=op.f("ck_appointments_seats")),
        sa.CheckConstraint("sequence >= 0", name=op.f("ck_appointments_sequence")),
        sa.ForeignKeyConstraint(
            ["business_id", "location_id"],
            ["locations.business_id", "locations.id"],
            name=op.f("fk_appointments_business_id_location_id"),
            ondelete="NO ACTION",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "provider_id"],
            ["providers.business_id", "providers.id"],
            name=op.f("fk_appointments_business_id_provider_id"),
            ondelete="NO ACTION",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "service_id"],
            ["services.business_id", "services.id"],
            name=op.f("fk_appointments_business_id_service_id"),
            ondelete="NO ACTION",
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_appointments_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_appointments")),
        sa.UniqueConstraint("business_id", "uid", name=op.f("uq_appointments_business_id_uid")),
    )
    op.create_index(
        "ix_appointments_provider_day", "appointments", ["business_id", "provider_id", "local_day"], unique=False
    )
    op.create_index("ix_appointments_starts", "appointments", ["business_id", "starts_at", "id"], unique=False)
    op.create_table(
        "busy_blocks",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("during", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=200), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("source IN ('time_off', 'calendar')", name=op.f("ck_busy_blocks_source")),
        sa.CheckConstraint(
            "NOT isempty(during) AND NOT lower_inf(during) AND NOT upper_inf(during) AND lower_inc(during) AND NOT upper_inc(during)",
            name=op.f("ck_busy_blocks_during"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "provider_id"],
            ["providers.business_id", "providers.id"],
            name=op.f("fk_busy_blocks_business_id_provider_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_busy_blocks_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_busy_blocks")),
    )
    op.create_index(
        "ix_busy_blocks_provider_end",
        "busy_blocks",
        ["business_id", "provider_id", sa.literal_column("upper(during)")],
        unique=False,
    )
    op.create_table(
        "exceptions",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("windows", postgresql.INT4MULTIRANGE(), server_default="{}", nullable=False),
        sa.Column("reason", sa.String(length=200), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("windows <@ '{[0,2880]}'::int4multirange", name=op.f("ck_exceptions_windows")),
        sa.ForeignKeyConstraint(
            ["business_id", "location_id"],
            ["locations.business_id", "locations.id"],
            name=op.f("fk_exceptions_business_id_location_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "provider_id"],
            ["providers.business_id", "providers.id"],
            name=op.f("fk_exceptions_business_id_provider_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_exceptions_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_exceptions")),
        sa.UniqueConstraint(
            "business_id",
            "provider_id",
            "location_id",
            "day",
            name=op.f("uq_exceptions_business_id_provider_id_location_id_day"),
        ),
    )
    op.create_table(
        "provider_services",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("duration_min", sa.Integer(), nullable=True),
        sa.Column("buffer_before_min", sa.Integer(), nullable=True),
        sa.Column("buffer_after_min", sa.Integer(), nullable=True),
        sa.Column("price_minor", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("buffer_after_min BETWEEN 0 AND 1440", name=op.f("ck_provider_services_buffer_after")),
        sa.CheckConstraint("buffer_before_min BETWEEN 0 AND 1440", name=op.f("ck_provider_services_buffer_before")),
        sa.CheckConstraint("duration_min BETWEEN 1 AND 2880", name=op.f("ck_provider_services_duration")),
        sa.CheckConstraint("price_minor >= 0", name=op.f("ck_provider_services_price")),
        sa.ForeignKeyConstraint(
            ["business_id", "provider_id"],
            ["providers.business_id", "providers.id"],
            name=op.f("fk_provider_services_business_id_provider_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "service_id"],
            ["services.business_id", "services.id"],
            name=op.f("fk_provider_services_business_id_service_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_provider_services_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_provider_services")),
        sa.UniqueConstraint(
            "business_id",
            "provider_id",
            "service_id",
            name=op.f("uq_provider_services_business_id_provider_id_service_id"),
        ),
    )
    op.create_index("ix_provider_services_service", "provider_services", ["business_id", "service_id"], unique=False)
    op.create_table(
        "working_hours",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("weekday", sa.SmallInteger(), nullable=False),
        sa.Column("start_min", sa.SmallInteger(), nullable=False),
        sa.Column("end_min", sa.SmallInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "start_min BETWEEN 0 AND 1439 AND end_min > start_min AND end_min <= 2880",
            name=op.f("ck_working_hours_window"),
        ),
        sa.CheckConstraint("valid_until >= valid_from", name=op.f("ck_working_hours_validity")),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_working_hours_weekday")),
        sa.ForeignKeyConstraint(
            ["business_id", "location_id"],
            ["locations.business_id", "locations.id"],
            name=op.f("fk_working_hours_business_id_location_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "provider_id"],
            ["providers.business_id", "providers.id"],
            name=op.f("fk_working_hours_business_id_provider_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_working_hours_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_working_hours")),
    )
    op.create_index("ix_working_hours_provider", "working_hours", ["business_id", "provider_id"], unique=False)
    op.create_table(
        "attendees",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("appointment_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("phone", sa.String(length=32), server_default="", nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("locale", sa.String(length=35), server_default="en", nullable=False),
        sa.Column("partstat", sa.String(length=16), server_default="NEEDS-ACTION", nullable=False),
        sa.Column("answers", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("token_salt", sa.LargeBinary(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fee_minor", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "partstat IN ('NEEDS-ACTION', 'ACCEPTED', 'DECLINED', 'TENTATIVE')", name=op.f("ck_attendees_partstat")
        ),
        sa.CheckConstraint("fee_minor >= 0", name=op.f("ck_attendees_fee")),
        sa.ForeignKeyConstraint(
            ["business_id", "appointment_id"],
            ["appointments.business_id", "appointments.id"],
            name=op.f("fk_attendees_business_id_appointment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "customer_id"],
            ["customers.business_id", "customers.id"],
            name=op.f("fk_attendees_business_id_customer_id"),
            ondelete="NO ACTION",
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_attendees")),
    )
    op.create_index("ix_attendees_appointment", "attendees", ["business_id", "appointment_id"], unique=False)
    op.create_index("ix_attendees_customer", "attendees", ["business_id", "customer_id"], unique=False)
    op.create_index("ix_attendees_token_hash", "attendees", ["token_hash"], unique=False)
    op.create_table(
        "holds",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("appointment_id", sa.BigInteger(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id", "appointment_id"],
            ["appointments.business_id", "appointments.id"],
            name=op.f("fk_holds_business_id_appointment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "location_id"],
            ["locations.business_id", "locations.id"],
            name=op.f("fk_holds_business_id_location_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "provider_id"],
            ["providers.business_id", "providers.id"],
            name=op.f("fk_holds_business_id_provider_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "service_id"],
            ["services.business_id", "services.id"],
            name=op.f("fk_holds_business_id_service_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_holds_business_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_holds")),
    )
    op.create_index(
        "ix_holds_appointment",
        "holds",
        ["business_id", "appointment_id"],
        unique=False,
        postgresql_where=sa.text("appointment_id IS NOT NULL"),
    )
    op.create_index("ix_holds_expires", "holds", ["expires_at"], unique=False)
    op.create_index("ix_holds_token_hash", "holds", ["token_hash"], unique=False)
    op.create_table(
        "reminders",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("appointment_id", sa.BigInteger(), nullable=False),
        sa.Column("attendee_id", sa.BigInteger(), nullable=True),
        sa.Column("recipient", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("offset_min", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=16), server_default="planned", nullable=False),
        sa.CheckConstraint("channel IN ('mail', 'sms')", name=op.f("ck_reminders_channel")),
        sa.CheckConstraint("recipient IN ('customer', 'provider')", name=op.f("ck_reminders_recipient")),
        sa.CheckConstraint("status IN ('planned', 'dropped', 'skipped', 'sent')", name=op.f("ck_reminders_status")),
        sa.CheckConstraint("offset_min >= 0", name=op.f("ck_reminders_offset")),
        sa.ForeignKeyConstraint(
            ["business_id", "appointment_id"],
            ["appointments.business_id", "appointments.id"],
            name=op.f("fk_reminders_business_id_appointment_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_reminders")),
        sa.UniqueConstraint(
            "business_id",
            "appointment_id",
            "attendee_id",
            "recipient",
            "channel",
            "offset_min",
            "due_at",
            name="uq_reminders_once",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(
        "ix_reminders_due", "reminders", ["due_at"], unique=False, postgresql_where=sa.text("status = 'planned'")
    )
    op.create_table(
        "transitions",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("appointment_id", sa.BigInteger(), nullable=False),
        sa.Column("from_status", sa.String(length=16), nullable=True),
        sa.Column("to_status", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "actor IN ('customer', 'provider', 'system', 'calendar')", name=op.f("ck_transitions_actor")
        ),
        sa.CheckConstraint(
            "from_status IN ('held', 'pending', 'confirmed', 'completed', 'no_show', 'cancelled', 'declined')",
            name=op.f("ck_transitions_from_status"),
        ),
        sa.CheckConstraint(
            "to_status IN ('held', 'pending', 'confirmed', 'completed', 'no_show', 'cancelled', 'declined')",
            name=op.f("ck_transitions_to_status"),
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "appointment_id"],
            ["appointments.business_id", "appointments.id"],
            name=op.f("fk_transitions_business_id_appointment_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_transitions")),
    )
    op.create_index("ix_transitions_appointment", "transitions", ["business_id", "appointment_id"], unique=False)
    op.create_table(
        "claims",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("resource_id", sa.BigInteger(), nullable=False),
        sa.Column("during", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("appointment_id", sa.BigInteger(), nullable=True),
        sa.Column("hold_id", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(resource_id, resource_id, '[]')"), "&&"),
            (sa.column("during"), "&&"),
            using="gist",
            name="no_double_booking",
        ),
        sa.CheckConstraint(
            "NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during) AND upper(during) - lower(during) <= interval '5 days'",
            name=op.f("ck_claims_during"),
        ),
        sa.CheckConstraint("hold_id IS NULL OR expires_at IS NOT NULL", name=op.f("ck_claims_expiry")),
        sa.CheckConstraint("num_nonnulls(appointment_id, hold_id) = 1", name=op.f("ck_claims_owner")),
        sa.ForeignKeyConstraint(
            ["business_id", "appointment_id"],
            ["appointments.business_id", "appointments.id"],
            name=op.f("fk_claims_business_id_appointment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "hold_id"],
            ["holds.business_id", "holds.id"],
            name=op.f("fk_claims_business_id_hold_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["business_id", "resource_id"],
            ["resources.business_id", "resources.id"],
            name=op.f("fk_claims_business_id_resource_id"),
            ondelete="NO ACTION",
        ),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_claims")),
    )
    op.create_index("ix_claims_appointment", "claims", ["business_id", "appointment_id"], unique=False)
    op.create_index(
        "ix_claims_hold",
        "claims",
        ["business_id", "hold_id"],
        unique=False,
        postgresql_where=sa.text("hold_id IS NOT NULL"),
    )
    op.create_index(
        "ix_claims_resource_start",
        "claims",
        ["business_id", "resource_id", sa.literal_column("lower(during)")],
        unique=False,
    )
    for statement in _FUNCTIONS_AND_TRIGGERS:
        op.execute(statement)


def downgrade() -> None:
    """Drops every table, and with them every booking."""
    op.drop_table("claims")
    op.drop_table("transitions")
    op.drop_table("reminders")
    op.drop_table("holds")
    op.drop_table("attendees")
    op.drop_table("working_hours")
    op.drop_table("provider_services")
    op.drop_table("exceptions")
    op.drop_table("busy_blocks")
    op.drop_table("appointments")
    op.drop_table("service_resources")
    op.drop_table("providers")
    op.drop_table("service_hours")
    op.drop_table("resources")
    op.drop_table("services")
    op.drop_table("locations")
    op.drop_table("customers")
    op.drop_table("audit_entries")
    op.drop_table("api_keys")
    op.drop_table("outbox")
    op.drop_table("idempotency_records")
    op.drop_table("businesses")
    op.execute("DROP FUNCTION bump_catalogue_version, bump_own_catalogue_version")
