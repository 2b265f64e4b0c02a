"""
Blocks are managed like the rest of a business: with a version, and who made them stands in the audit log.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("uq_blocks_business_id_uid"), "blocks", type_="unique")
    op.drop_column("blocks", "uid")
    op.drop_column("blocks", "blocked_by")
    op.add_column("blocks", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.add_column(
        "blocks",
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("blocks", "updated_at")
    op.drop_column("blocks", "version")
    op.add_column("blocks", sa.Column("blocked_by", sa.String(200), server_default="", nullable=False))
    op.alter_column("blocks", "blocked_by", server_default=None)
    op.add_column("blocks", sa.Column("uid", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False))
    op.alter_column("blocks", "uid", server_default=None)
    op.create_unique_constraint(op.f("uq_blocks_business_id_uid"), "blocks", ["business_id", "uid"])
