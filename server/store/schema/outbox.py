"""
Owns the tables of what must not be forgotten: facts for others, answers to repeat, who changed what.

Leaves sending to the worker.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from server.store.schema.base import created_at, tenant_table, unique_in_business

outbox = tenant_table(
    "outbox",
    Column("kind", String(40), nullable=False),
    Column("appointment_id", BigInteger),
    Column("payload", JSONB, nullable=False),
    created_at(),
    Column("done_at", DateTime(timezone=True)),
    Column("attempt", SmallInteger, nullable=False, server_default=text("0")),
    Column("retry_at", DateTime(timezone=True)),
    Column("parked_at", DateTime(timezone=True)),
    Column("detail", Text, nullable=False, server_default=""),
    Index("ix_outbox_open", "id", postgresql_where=text("done_at IS NULL")),
    Index("ix_outbox_open_of_business", "business_id", postgresql_where=text("done_at IS NULL")),
    Index("ix_outbox_appointment", "business_id", "appointment_id"),
    Index("ix_outbox_done", "done_at", postgresql_where=text("done_at IS NOT NULL")),
    owned=True,
)
"""
No foreign keys: a fact stays true after its subject is gone. One that cannot be told waits until `retry_at`; one that
cannot be told at all is parked.
"""

set_aside = tenant_table(
    "set_aside",
    Column("batch", String(20), nullable=False),
    Column("row_id", BigInteger, nullable=False),
    Column("failures", SmallInteger, nullable=False, server_default=text("1")),
    Column("detail", Text, nullable=False, server_default=""),
    Column("look_at", DateTime(timezone=True), nullable=False),
    created_at(),
    unique_in_business("batch", "row_id"),
    Index("ix_set_aside_look", "look_at"),
    owned=True,
)
"""Rows that made a batch fail, left alone until `look_at`; without foreign keys, because any table may have them."""

idempotency_records = tenant_table(
    "idempotency_records",
    Column("caller", String(100), nullable=False),
    Column("key_hash", LargeBinary, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("sealed_body", LargeBinary, nullable=False),
    created_at(),
    unique_in_business("caller", "key_hash"),
    CheckConstraint("status BETWEEN 200 AND 599", name="status"),
    Index("ix_idempotency_records_created", "created_at"),
    owned=True,
)
"""The answer is sealed because it may hold a token, and tokens are nowhere stored in the clear."""

spent_proofs = tenant_table(
    "spent_proofs",
    Column("digest", LargeBinary, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    unique_in_business("digest"),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
    Index("ix_spent_proofs_expires", "expires_at"),
    owned=True,
)
"""Proofs of work that were taken: none counts twice."""

audit_entries = tenant_table(
    "audit_entries",
    Column("actor", String(200), nullable=False),
    Column("action", String(40), nullable=False),
    Column("subject", String(40), nullable=False),
    Column("subject_key", String(100), nullable=False),
    Column("changes", JSONB, nullable=False, server_default=text("'{}'")),
    created_at(),
)
