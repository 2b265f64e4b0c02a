"""
Owns the tables of what has been booked, and the constraint that makes a double booking impossible.

Leaves what must be told to others to `outbox`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import CIDR, JSONB, TSTZRANGE, ExcludeConstraint
from sqlalchemy.sql.schema import SchemaItem

from server.domain.channels import PEOPLE, TO_PEOPLE, one_of
from server.domain.lifecycle import Status
from server.store.schema.base import belongs_to, created_at, tenant_table, unique_in_business, versioned


def _terms() -> tuple[SchemaItem, ...]:
    """What was promised. The length stands elsewhere in the row, where it has one."""
    return (
        Column("price_minor", Integer, nullable=False),
        Column("currency", String(3), nullable=False),
        Column("change_window_min", Integer, nullable=False),
        Column("cancel_fee_minor", Integer, nullable=False),
        Column("approval", String(16), nullable=False),
        CheckConstraint("price_minor >= 0 AND cancel_fee_minor >= 0 AND change_window_min >= 0", name="terms"),
        CheckConstraint("approval IN ('automatic', 'manual')", name="approval"),
    )


customers = tenant_table(
    "customers",
    Column("uid", Uuid, nullable=False),
    Column("email", String(254), nullable=False),
    Column("name", String(200), nullable=False),
    Column("phone", String(32), nullable=False, server_default=""),
    Column("timezone", String(64), nullable=False),
    Column("locale", String(35), nullable=False, server_default="en"),
    *versioned(),
    unique_in_business("email"),
    CheckConstraint("email = lower(email) AND email LIKE '%_@_%'", name="email"),
)

appointments = tenant_table(
    "appointments",
    Column("uid", Uuid, nullable=False),
    Column("service_id", BigInteger, nullable=False),
    Column("provider_id", BigInteger, nullable=False),
    Column("location_id", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("local_day", Date, nullable=False),
    Column("sequence", Integer, nullable=False, server_default=text("0")),
    Column("shared", Boolean, nullable=False, server_default=text("false")),
    Column("seats_taken", Integer, nullable=False, server_default=text("0")),
    *versioned(),
    unique_in_business("uid"),
    belongs_to("service_id", "services"),
    belongs_to("provider_id", "providers"),
    belongs_to("location_id", "locations"),
    CheckConstraint(one_of("status", Status), name="status"),
    CheckConstraint("ends_at > starts_at", name="times"),
    CheckConstraint("sequence >= 0", name="sequence"),
    CheckConstraint("seats_taken >= 0", name="seats"),
    Index("ix_appointments_provider_day", "business_id", "provider_id", "local_day"),
    Index("ix_appointments_starts", "business_id", "starts_at", "id"),
    Index("ix_appointments_pending", "starts_at", postgresql_where=text("status = 'pending'")),
)
"""
`timezone` and `local_day` are the location's when it was booked: what the customer agreed to. `shared` says whether
others may join; how many is for the service to say.
"""

attendees = tenant_table(
    "attendees",
    Column("appointment_id", BigInteger, nullable=False),
    Column("customer_id", BigInteger, nullable=False),
    Column("name", String(200), nullable=False),
    Column("email", String(254), nullable=False),
    Column("phone", String(32), nullable=False, server_default=""),
    Column("timezone", String(64), nullable=False),
    Column("locale", String(35), nullable=False, server_default="en"),
    Column("partstat", String(16), nullable=False, server_default="NEEDS-ACTION"),
    Column("answers", JSONB, nullable=False, server_default=text("'{}'")),
    Column("token_salt", LargeBinary, nullable=False),
    Column("token_hash", LargeBinary, nullable=False),
    Column("cancelled_at", DateTime(timezone=True)),
    Column("fee_minor", Integer, nullable=False, server_default=text("0")),
    Column("proved_at", DateTime(timezone=True)),
    Column("network", CIDR),
    *_terms(),
    created_at(),
    belongs_to("appointment_id", "appointments", ondelete="CASCADE"),
    belongs_to("customer_id", "customers"),
    CheckConstraint("partstat IN ('NEEDS-ACTION', 'ACCEPTED', 'DECLINED', 'TENTATIVE')", name="partstat"),
    CheckConstraint("fee_minor >= 0", name="fee"),
    Index("ix_attendees_token_hash", "token_hash"),
    Index("ix_attendees_appointment", "business_id", "appointment_id"),
    Index("ix_attendees_customer", "business_id", "customer_id"),
    Index("ix_attendees_network", "business_id", "network", postgresql_where=text("network IS NOT NULL")),
    Index("ix_attendees_network_age", "created_at", postgresql_where=text("network IS NOT NULL")),
    owned=True,
)
"""`proved_at`: when a link that only the address was sent was followed; until then the address is only something that
somebody typed. `network`: where a stranger's booking came from (IPv4 address or IPv6 /64), for a while."""

holds = tenant_table(
    "holds",
    Column("service_id", BigInteger, nullable=False),
    Column("provider_id", BigInteger, nullable=False),
    Column("location_id", BigInteger, nullable=False),
    Column("appointment_id", BigInteger),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("token_hash", LargeBinary, nullable=False),
    Column("network", CIDR),
    Column("prolonged_at", DateTime(timezone=True)),
    Column("duration_s", Integer, nullable=False),
    Column("local_day", Date, nullable=False),
    Column("customer_email", String(254)),
    *_terms(),
    created_at(),
    belongs_to("service_id", "services", ondelete="CASCADE"),
    belongs_to("provider_id", "providers", ondelete="CASCADE"),
    belongs_to("location_id", "locations", ondelete="CASCADE"),
    belongs_to("appointment_id", "appointments", ondelete="CASCADE"),
    CheckConstraint("duration_s > 0", name="duration"),
    Index("ix_holds_token_hash", "token_hash"),
    Index("ix_holds_expires", "expires_at"),
    Index("ix_holds_provider_day", "business_id", "provider_id", "local_day"),
    Index("ix_holds_network", "business_id", "network", postgresql_where=text("network IS NOT NULL")),
    Index("ix_holds_appointment", "business_id", "appointment_id", postgresql_where=text("appointment_id IS NOT NULL")),
)
"""
A hold of a whole time owns claims; a hold of a seat in a class names its appointment instead. Whose it is, is known
once they pay.
"""

claims = tenant_table(
    "claims",
    Column("resource_id", BigInteger, nullable=False),
    Column("during", TSTZRANGE, nullable=False),
    Column("appointment_id", BigInteger),
    Column("hold_id", BigInteger),
    Column("expires_at", DateTime(timezone=True)),
    belongs_to("resource_id", "resources"),
    belongs_to("appointment_id", "appointments", ondelete="CASCADE"),
    belongs_to("hold_id", "holds", ondelete="CASCADE"),
    CheckConstraint("num_nonnulls(appointment_id, hold_id) = 1", name="owner"),
    CheckConstraint("hold_id IS NULL OR expires_at IS NOT NULL", name="expiry"),
    CheckConstraint(
        "NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during)"
        " AND upper(during) - lower(during) <= interval '5 days'",
        name="during",
    ),
    # int8range because "bigint WITH =" in GiST needs an extension; the constraint holds whatever the code does.
    ExcludeConstraint(
        (text("int8range(resource_id, resource_id, '[]')"), "&&"),
        ("during", "&&"),
        using="gist",
        name="no_double_booking",
    ),
    Index("ix_claims_appointment", "business_id", "appointment_id"),
    Index("ix_claims_hold", "business_id", "hold_id", postgresql_where=text("hold_id IS NOT NULL")),
    owned=True,
)
# Availability reads a stretch of one resource's time: a B-tree serves it in half the time of the GiST index.
Index("ix_claims_resource_start", claims.c.business_id, claims.c.resource_id, func.lower(claims.c.during))

transitions = tenant_table(
    "transitions",
    Column("appointment_id", BigInteger, nullable=False),
    Column("from_status", String(16)),
    Column("to_status", String(16), nullable=False),
    Column("actor", String(16), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("sequence", Integer, nullable=False),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    belongs_to("appointment_id", "appointments", ondelete="CASCADE"),
    CheckConstraint(one_of("from_status", Status), name="from_status"),
    CheckConstraint(one_of("to_status", Status), name="to_status"),
    CheckConstraint("actor IN ('customer', 'provider', 'system', 'calendar')", name="actor"),
    Index("ix_transitions_appointment", "business_id", "appointment_id"),
    owned=True,
)

reminders = tenant_table(
    "reminders",
    Column("appointment_id", BigInteger, nullable=False),
    Column("attendee_id", BigInteger),
    Column("recipient", String(16), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("offset_min", Integer, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("status", String(16), nullable=False, server_default="planned"),
    belongs_to("appointment_id", "appointments", ondelete="CASCADE"),
    UniqueConstraint(
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
    CheckConstraint(one_of("recipient", PEOPLE), name="recipient"),
    CheckConstraint(one_of("channel", TO_PEOPLE), name="channel"),
    CheckConstraint("status IN ('planned', 'dropped', 'skipped', 'queued')", name="status"),
    CheckConstraint("offset_min >= 0", name="offset"),
    Index("ix_reminders_due", "due_at", postgresql_where=text("status = 'planned'")),
    owned=True,
)
