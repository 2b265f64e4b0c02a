"""
Proofs of work that were taken: none counts twice.

Revision ID: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "spent_proofs",
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("ck_spent_proofs_digest")),
        sa.PrimaryKeyConstraint("business_id", "id", name=op.f("pk_spent_proofs")),
        sa.UniqueConstraint("business_id", "digest", name=op.f("uq_spent_proofs_business_id_digest")),
    )
    op.create_index("ix_spent_proofs_expires", "spent_proofs", ["expires_at"])


def downgrade() -> None:
    op.drop_table("spent_proofs")
