"""
What a business wants when strangers book much faster than usual, and when it was told.

Revision ID: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_COLUMNS = ("surge_told_at", "guarded_until")


def upgrade() -> None:
    op.add_column("businesses", sa.Column("on_surge", sa.String(10), server_default="tell", nullable=False))
    op.create_check_constraint(op.f("ck_businesses_on_surge"), "businesses", "on_surge IN ('tell', 'confirm')")
    for column in _COLUMNS:
        op.add_column("businesses", sa.Column(column, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for column in (*_COLUMNS, "on_surge"):
        op.drop_column("businesses", column)
