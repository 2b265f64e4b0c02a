"""
Rows set aside: what makes a batch fail waits for its own next look, and the others go on.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "set_aside",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("batch", sa.String(20), nullable=False),
        sa.Column("row_id", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.SmallInteger(), nullable=False, server_default=sa.text("1")),
        sa.Column("detail", sa.Text(), nullable=False, server_default=""),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("business_id", "id", name="pk_set_aside"),
        sa.UniqueConstraint("business_id", "batch", "row_id", name="uq_set_aside_business_id_batch_row_id"),
    )
    op.create_index("ix_set_aside_look", "set_aside", ["look_at"])


def downgrade() -> None:
    op.drop_table("set_aside")
    op.drop_column("outbox", "retry_at")
