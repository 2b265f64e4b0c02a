"""
Holds count: on which local day a hold is, and whose it is once they pay, so that caps and limits see it.

Revision ID: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_DAYS = """
UPDATE holds h
   SET local_day = (h.starts_at AT TIME ZONE l.timezone)::date
  FROM locations l
 WHERE l.business_id = h.business_id AND l.id = h.location_id
"""


def upgrade() -> None:
    op.add_column("holds", sa.Column("local_day", sa.Date(), nullable=True))
    op.execute(_DAYS)
    op.alter_column("holds", "local_day", nullable=False)
    op.add_column("holds", sa.Column("customer_email", sa.String(254), nullable=True))
    op.create_index("ix_holds_provider_day", "holds", ["business_id", "provider_id", "local_day"])


def downgrade() -> None:
    op.drop_index("ix_holds_provider_day", "holds")
    op.drop_column("holds", "customer_email")
    op.drop_column("holds", "local_day")
