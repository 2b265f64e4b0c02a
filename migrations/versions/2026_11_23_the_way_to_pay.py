"""
The way to pay: where an open payment is paid, so that whoever went back finds there again.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payments", sa.Column("checkout_url", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("payments", "checkout_url")
