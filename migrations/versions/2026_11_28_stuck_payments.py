"""
Stuck payments: those that wait for a person are counted for the alarm without reading all the others.

Revision ID: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("status IN ('contested', 'refund_failed', 'returning')")
    op.create_index("ix_payments_stuck", "payments", ["updated_at"], postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_payments_stuck", "payments")
