"""
Where a stranger who pays asked from: what is booked for them counts for their network.

Revision ID: 0027
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payments", sa.Column("network", postgresql.CIDR(), nullable=True))
    op.create_index(
        "ix_payments_network_age", "payments", ["created_at"], postgresql_where=sa.text("network IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("ix_payments_network_age", table_name="payments")
    op.drop_column("payments", "network")
