"""
Typed addresses: when an address was proved, where a stranger's request came from, and holds that are prolonged once.

The feeds of customers that were given out so far could be had by typing an address: they end here, and their customers
ask for a new one, which comes by mail.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_KNOWN = ("attendees", "waitlist_entries")


def upgrade() -> None:
    for table in _KNOWN:
        op.add_column(table, sa.Column("proved_at", sa.DateTime(timezone=True), nullable=True))
        op.add_column(table, sa.Column("network", postgresql.CIDR(), nullable=True))
        op.create_index(
            f"ix_{table}_network",
            table,
            ["business_id", "network"],
            postgresql_where=sa.text("network IS NOT NULL"),
        )
    op.add_column("holds", sa.Column("network", postgresql.CIDR(), nullable=True))
    op.add_column("holds", sa.Column("prolonged_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        """
        UPDATE feed_tokens t SET retired_at = clock_timestamp() FROM feeds f
         WHERE f.business_id = t.business_id AND f.id = t.feed_id AND f.scope = 'customer' AND t.retired_at IS NULL
        """
    )


def downgrade() -> None:
    op.drop_column("holds", "prolonged_at")
    op.drop_column("holds", "network")
    for table in _KNOWN:
        op.drop_index(f"ix_{table}_network", table_name=table)
        op.drop_column(table, "network")
        op.drop_column(table, "proved_at")
