"""
One hold is confirmed by one address, and what a network has asked to confirm is counted.

Revision ID: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("confirmations", sa.Column("hold_id", sa.BigInteger(), nullable=True))
    op.create_unique_constraint(
        op.f("uq_confirmations_business_id_hold_id"), "confirmations", ["business_id", "hold_id"]
    )
    op.create_index("ix_confirmations_network", "confirmations", ["business_id", "network"])


def downgrade() -> None:
    op.drop_index("ix_confirmations_network", table_name="confirmations")
    op.drop_constraint(op.f("uq_confirmations_business_id_hold_id"), "confirmations")
    op.drop_column("confirmations", "hold_id")
