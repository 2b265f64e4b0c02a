"""
Quotas of strangers: what a business has set itself, whom it has blocked, and indexes to count by network.

Revision ID: 0010
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_FROM_SOMEWHERE = sa.text("network IS NOT NULL")


def upgrade() -> None:
    op.add_column("businesses", sa.Column("quotas", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False))
    op.create_table(
        "blocks",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("value", sa.String(254), nullable=False),
        sa.Column("network", postgresql.CIDR(), nullable=True),
        sa.Column("reason", sa.String(500), server_default="", nullable=False),
        sa.Column("blocked_by", sa.String(200), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_blocks")),
        sa.ForeignKeyConstraint(
            ["business_id"], ["businesses.id"], name=op.f("fk_blocks_business_id"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("business_id", "uid", name=op.f("uq_blocks_business_id_uid")),
        sa.UniqueConstraint("business_id", "kind", "value", name=op.f("uq_blocks_business_id_kind_value")),
        sa.CheckConstraint("kind IN ('address', 'domain', 'phone', 'network')", name=op.f("ck_blocks_kind")),
        sa.CheckConstraint("(kind = 'network') = (network IS NOT NULL)", name=op.f("ck_blocks_network")),
    )
    op.create_index("ix_holds_network", "holds", ["business_id", "network"], postgresql_where=_FROM_SOMEWHERE)
    for table in ("attendees", "waitlist_entries"):
        op.create_index(f"ix_{table}_network_age", table, ["created_at"], postgresql_where=_FROM_SOMEWHERE)


def downgrade() -> None:
    for table in ("attendees", "waitlist_entries"):
        op.drop_index(f"ix_{table}_network_age", table_name=table)
    op.drop_index("ix_holds_network", table_name="holds")
    op.drop_table("blocks")
    op.drop_column("businesses", "quotas")
