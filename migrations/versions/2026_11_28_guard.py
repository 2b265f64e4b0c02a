"""
What a stranger has to show before a business takes their booking: nothing, an address that they read, or work.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("businesses", sa.Column("guard", sa.Text(), server_default="open", nullable=False))
    op.create_check_constraint(op.f("ck_businesses_guard"), "businesses", "guard IN ('open', 'mail', 'proof')")


def downgrade() -> None:
    op.drop_column("businesses", "guard")
