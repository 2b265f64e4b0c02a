"""
Owns the tables of customers whose appointment is not there yet: on the waitlist, or about to be paid for.

Leaves the appointment that comes of it to `booking`.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
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
from sqlalchemy.dialects.postgresql import CIDR, JSONB

from server.domain.channels import one_of
from server.domain.payments import PaymentStatus
from server.store.schema.base import belongs_to, created_at, tenant_table, unique_in_business, versioned

waitlist_entries = tenant_table(
    "waitlist_entries",
    Column("uid", Uuid, nullable=False),
    Column("service_id", BigInteger, nullable=False),
    Column("provider_id", BigInteger),
    Column("location_id", BigInteger),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("windows", JSONB, nullable=False, server_default=text("'[]'")),
    Column("name", String(200), nullable=False),
    Column("email", String(254), nullable=False),
    Column("phone", String(32), nullable=False, server_default=""),
    Column("timezone", String(64), nullable=False),
    Column("locale", String(35), nullable=False, server_default="en"),
    Column("token_salt", LargeBinary, nullable=False),
    Column("token_hash", LargeBinary, nullable=False),
    Column("status", String(16), nullable=False, server_default="waiting"),
    Column("hold_id", BigInteger),
    Column("offered_start", DateTime(timezone=True)),
    Column("offer_expires_at", DateTime(timezone=True)),
    Column("offers", Integer, nullable=False, server_default=text("0")),
    Column("passed_start", DateTime(timezone=True)),
    Column("proved_at", DateTime(timezone=True)),
    Column("network", CIDR),
    *versioned(),
    unique_in_business("uid"),
    belongs_to("service_id", "services", ondelete="CASCADE"),
    belongs_to("provider_id", "providers", ondelete="CASCADE"),
    belongs_to("location_id", "locations", ondelete="CASCADE"),
    CheckConstraint("status IN ('waiting', 'offered', 'booked', 'left', 'expired')", name="status"),
    CheckConstraint("first_day <= last_day", name="days"),
    Index("ix_waitlist_entries_token_hash", "token_hash"),
    Index(
        "ix_waitlist_entries_waiting", "business_id", "service_id", "id", postgresql_where=text("status = 'waiting'")
    ),
    Index("ix_waitlist_entries_offered", "offer_expires_at", postgresql_where=text("status = 'offered'")),
    Index("ix_waitlist_entries_hold", "business_id", "hold_id", postgresql_where=text("hold_id IS NOT NULL")),
    Index("ix_waitlist_entries_network", "business_id", "network", postgresql_where=text("network IS NOT NULL")),
    Index("ix_waitlist_entries_network_age", "created_at", postgresql_where=text("network IS NOT NULL")),
)
"""Times of day in `windows` are minutes from local midnight at the location: `[[540, 720], ...]`; none means any."""

payments = tenant_table(
    "payments",
    Column("uid", Uuid, nullable=False),
    Column("hold_id", BigInteger),
    Column("appointment_id", BigInteger),
    Column("service_id", BigInteger, nullable=False),
    Column("method", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("amount_minor", Integer, nullable=False),
    Column("return_minor", Integer),
    Column("currency", String(3), nullable=False),
    Column("remote_id", String(200)),
    Column("intent_id", String(200)),
    Column("refund_id", String(200)),
    Column("refund_round", SmallInteger, nullable=False, server_default=text("0")),
    Column("paid_minor", Integer),
    Column("paid_currency", String(3)),
    Column("trouble", String(500), nullable=False, server_default=""),
    Column("disputed_at", DateTime(timezone=True)),
    Column("next_look_at", DateTime(timezone=True)),
    Column("looked_at", DateTime(timezone=True)),
    Column("checkout_url", Text),
    Column("order_sealed", LargeBinary, nullable=False),
    Column("network", CIDR),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    *versioned(),
    unique_in_business("uid"),
    belongs_to("service_id", "services", ondelete="CASCADE"),
    CheckConstraint("method IN ('on_site', 'stripe')", name="method"),
    CheckConstraint(one_of("status", PaymentStatus), name="status"),
    CheckConstraint("amount_minor >= 0", name="amount"),
    Index("ix_payments_remote", "remote_id", postgresql_where=text("remote_id IS NOT NULL")),
    Index("ix_payments_intent", "intent_id", postgresql_where=text("intent_id IS NOT NULL")),
    Index("ix_payments_refund", "refund_id", postgresql_where=text("refund_id IS NOT NULL")),
    Index("ix_payments_look", "next_look_at", postgresql_where=text("next_look_at IS NOT NULL")),
    Index(
        "ix_payments_stuck",
        "updated_at",
        postgresql_where=text("status IN ('contested', 'refund_failed', 'returning')"),
    ),
    Index("ix_payments_hold", "business_id", "hold_id", postgresql_where=text("hold_id IS NOT NULL")),
    Index("ix_payments_appointment", "business_id", "appointment_id"),
    Index("ix_payments_network_age", "created_at", postgresql_where=text("network IS NOT NULL")),
)
"""
What is paid is decided here and never by a client. The order is sealed: it holds a customer's details. `paid_*` is what
has really arrived, where it is not what was asked; `trouble` is what a person has to know; `next_look_at` is when the
provider is asked again, `looked_at` when somebody last wanted that at once; `network` is where a stranger asked from.
"""

confirmations = tenant_table(
    "confirmations",
    Column("hold_id", BigInteger),
    Column("uid", Uuid, nullable=False),
    Column("service_id", BigInteger, nullable=False),
    Column("provider_id", BigInteger, nullable=False),
    Column("location_id", BigInteger, nullable=False),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("duration_s", Integer, nullable=False),
    Column("price_minor", Integer, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("change_window_min", Integer, nullable=False),
    Column("cancel_fee_minor", Integer, nullable=False),
    Column("approval", String(16), nullable=False),
    Column("email", String(254), nullable=False),
    Column("token_salt", LargeBinary, nullable=False),
    Column("token_hash", LargeBinary, nullable=False),
    Column("order_sealed", LargeBinary, nullable=False),
    Column("network", CIDR),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("manage_hash", LargeBinary),
    created_at(),
    unique_in_business("uid"),
    unique_in_business("hold_id"),
    belongs_to("service_id", "services", ondelete="CASCADE"),
    belongs_to("provider_id", "providers", ondelete="CASCADE"),
    belongs_to("location_id", "locations", ondelete="CASCADE"),
    Index("ix_confirmations_network", "business_id", "network"),
    Index("ix_confirmations_token_hash", "token_hash"),
    Index("ix_confirmations_expires", "expires_at"),
)
"""Times that are held until somebody who reads the mailbox of the address says so. The terms are those of the hold; the
order is sealed: it holds a customer's details. Holds are deleted, so *hold_id* refers to none that must exist; one hold
is confirmed by one address. The manage token will hang on the same salt; its hash is here."""
